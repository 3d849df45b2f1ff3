/** Policies as JSON; docs/filters-diff.md. */
import { InputError } from '../../model/input-error.ts';
import { at, hex, type JsonPlace, readArray, readObject, readWord, reject, show } from '../../model/json-fields.ts';
import { compactJson } from '../../model/json-text.ts';
import type { IndexRange } from '../index-set.ts';
import { formatMsrRange, readMsrRange } from '../msr-range-text.ts';
import { type Action, deadRule, type Policy, type PolicyRule, policyDecisions } from './policy.ts';

const ACTIONS = ['allow', 'deny'] as const;
/** More than there are MSRs that anything knows. */
const MAX_RULES = 100_000;
const MAX_ENTRIES = 100_000;

/**
 * Reads a policy: `{"default": "deny", "rules": [{"msrs": ["IA32_TSC", "0x174-0x176"], "read": "allow"}]}`.
 *
 * @param where the file that the JSON comes from, for messages
 * @throws InputError that names the field; also for a rule that earlier ones contradict in full
 */
export function parsePolicy(json: unknown, where: string): Policy {
  const place: JsonPlace = { where, path: '' };
  const object = readObject(json, place, ['default', 'rules']);
  const rulesPlace = at(place, 'rules');
  const policy: Policy = {
    default: readAction(object.default, at(place, 'default')),
    rules: readArray(object.rules, rulesPlace, MAX_RULES).map((rule, i) => readRule(rule, at(rulesPlace, i))),
  };
  const dead = deadRule(policy, policyDecisions(policy));
  if (dead) {
    const rulePlace = at(at(rulesPlace, dead.rule), dead.direction);
    reject(
      rulePlace,
      'earlier rules decide the opposite for all its MSRs, and the first rule counts; put it before them',
    );
  }
  return policy;
}

function readRule(json: unknown, place: JsonPlace): PolicyRule {
  const object = readObject(json, place, ['msrs'], ['read', 'write']);
  if (object.read === undefined && object.write === undefined) reject(place, 'give read, write or both');
  const msrsPlace = at(place, 'msrs');
  const entries = typeof object.msrs === 'string' ? [object.msrs] : readArray(object.msrs, msrsPlace, MAX_ENTRIES);
  if (entries.length === 0) reject(msrsPlace, 'no MSR; a rule needs one, or leave the rule out');
  return {
    msrs: entries.map((entry, i) => readEntry(entry, at(msrsPlace, i))),
    ...(object.read === undefined ? {} : { read: readAction(object.read, at(place, 'read')) }),
    ...(object.write === undefined ? {} : { write: readAction(object.write, at(place, 'write')) }),
  };
}

function readEntry(entry: unknown, place: JsonPlace): IndexRange {
  if (typeof entry !== 'string' && typeof entry !== 'number') {
    reject(place, `expected a name, an index such as "0x174", or "0x174-0x176"; found ${show(entry)}`);
  }
  const range = readMsrRange(typeof entry === 'number' ? numberText(entry, place) : entry);
  return typeof range === 'string' ? reject(place, range) : range;
}

function numberText(entry: number, place: JsonPlace): string {
  if (Number.isInteger(entry) && entry >= 0 && entry <= 0xffff_ffff) return hex(entry);
  throw new InputError(`${place.where}: ${place.path}: ${entry} is no MSR index: give 0 to 4294967295`);
}

function readAction(value: unknown, place: JsonPlace): Action {
  return ACTIONS[readWord(value, place, ACTIONS)]!;
}

/** The policy as JSON text, one rule per line. */
export function formatPolicy(policy: Policy): string {
  const rules = policy.rules.map(
    ({ msrs, ...actions }) => `\n    ${compactJson({ msrs: msrs.map(formatMsrRange), ...actions })}`,
  );
  return `{\n  "default": "${policy.default}",\n  "rules": [${rules.join(',')}${rules.length === 0 ? '' : '\n  '}]\n}\n`;
}
