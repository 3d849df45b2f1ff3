/** Random policies, as engineers may write them: some rules over MSRs that there are, and over the edges of spaces. */
import type { Choices } from '../../fuzz/random.ts';
import { MSR_ROWS } from '../../model/catalogue-data.ts';
import type { IndexRange } from '../index-set.ts';
import type { Action, Policy, PolicyRule } from './policy.ts';

const MAX_RULES = 20;
const MAX_ENTRIES = 3;
/** Ends of the windows that ranges and hardware bitmaps have. */
const EDGES = [0, 0x7ff, 0x8ff, 0x1fff, 0x2fff, 0x3fff_ffff, 0xbfff_ffff, 0xc000_1fff, 0xffff_fffe];

export function randomPolicy(choices: Choices): Policy {
  const rules = Array.from({ length: 1 + choices.below(MAX_RULES) }, () => randomRule(choices));
  return { default: action(choices), rules };
}

function randomRule(choices: Choices): PolicyRule {
  const msrs = Array.from({ length: 1 + choices.below(MAX_ENTRIES) }, () => randomRange(choices));
  const directions = choices.below(4);
  return {
    msrs,
    ...(directions === 1 ? {} : { read: action(choices) }),
    ...(directions === 2 ? {} : { write: action(choices) }),
  };
}

function randomRange(choices: Choices): IndexRange {
  const edge = choices.below(4) === 0;
  const first = edge
    ? EDGES[choices.below(EDGES.length)]! + choices.below(2)
    : MSR_ROWS[choices.below(MSR_ROWS.length)]!.index;
  const length = choices.below(3) === 0 ? choices.below(64) : 0;
  return { first, last: Math.min(0xffff_ffff, first + length) };
}

function action(choices: Choices): Action {
  return choices.below(2) === 0 ? 'allow' : 'deny';
}
