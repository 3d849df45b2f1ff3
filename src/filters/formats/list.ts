/**
 * Lists in the style of VMM configurations: one MSR, or a range of them, per line, with directions and an action.
 *
 *     # comment
 *     default deny
 *     IA32_TSC r allow
 *     0x174-0x176 rw allow
 *
 * The first line that names an access decides, as in a policy.
 */
import { InputError } from '../../model/input-error.ts';
import type { Decisions } from '../decisions.ts';
import { IndexSet } from '../index-set.ts';
import { formatMsrRange, readMsrRange } from '../msr-range-text.ts';
import type { Action, Policy, PolicyRule } from '../policy/policy.ts';

/** What has many more ranges is no filter, and to find that out takes the longer the more there are. */
const MAX_LINES = 20_000;
const DIRECTIONS: ReadonlyMap<string, string> = new Map([
  ...['r', 'read'].map((word) => [word, 'r'] as const),
  ...['w', 'write'].map((word) => [word, 'w'] as const),
  ...['rw', 'wr', 'r/w', 'readwrite'].map((word) => [word, 'rw'] as const),
]);

/** @throws InputError with the line */
export function readList(text: string, where: string): Policy {
  const lines = text.split('\n');
  if (lines.length > MAX_LINES) {
    throw new InputError(
      `${where}: ${lines.length} lines, and at most ${MAX_LINES} are read: write ranges, or split it`,
    );
  }
  let byDefault: Action | undefined;
  const rules: PolicyRule[] = [];
  for (const [i, line] of lines.entries()) {
    const words = line
      .replace(/#.*/, '')
      .trim()
      .split(/[\s,]+/);
    if (words[0] === '') continue;
    const place = `${where}:${i + 1}`;
    if (words[0]!.toLowerCase() === 'default') {
      if (byDefault !== undefined) throw new InputError(`${place}: a second default`);
      byDefault = words.length === 2 ? actionOf(words[1]!) : undefined;
      if (byDefault === undefined) throw new InputError(`${place}: expected "default allow" or "default deny"`);
    } else rules.push(readLine(words, place));
  }
  if (byDefault === undefined) throw new InputError(`${where}: no line "default allow" or "default deny"`);
  return { default: byDefault, rules };
}

function readLine(words: readonly string[], place: string): PolicyRule {
  let [directions, action, msrs]: (string | undefined)[] = [];
  for (const word of words) {
    const direction = DIRECTIONS.get(word.toLowerCase());
    if (direction !== undefined && directions === undefined) directions = direction;
    else if (actionOf(word) && action === undefined) action = actionOf(word);
    else if (msrs === undefined) msrs = word;
    else throw new InputError(`${place}: ${JSON.stringify(word)} is one word too many; ${FORM}`);
  }
  if (msrs === undefined || action === undefined) throw new InputError(`${place}: ${FORM}`);
  const range = readMsrRange(msrs);
  if (typeof range === 'string') throw new InputError(`${place}: ${range}`);
  const said = action as Action;
  return {
    msrs: [range],
    ...(directions === 'w' ? {} : { read: said }),
    ...(directions === 'r' ? {} : { write: said }),
  };
}

const FORM = 'expected an MSR or a range of them, r, w or rw, and allow or deny: "0x174-0x176 rw allow"';

function actionOf(word: string): Action | undefined {
  const lower = word.toLowerCase();
  return lower === 'allow' || lower === 'deny' ? lower : undefined;
}

/** The accesses that are not what the default does, and in which direction. */
export function formatList([read, write]: Decisions, byDefault: Action): string {
  const all = byDefault === 'allow' ? IndexSet.ALL : IndexSet.EMPTY;
  const [reads, writes] = [read.xor(all), write.xor(all)];
  const action = byDefault === 'allow' ? 'deny' : 'allow';
  const parts = [
    ['rw', reads.and(writes)],
    ['r', reads.without(writes)],
    ['w', writes.without(reads)],
  ] as const;
  const lines = parts.flatMap(([directions, set]) => Array.from(set.ranges(), (range) => ({ range, directions })));
  lines.sort((a, b) => a.range.first - b.range.first);
  const text = lines.map(({ range, directions }) => `${formatMsrRange(range)} ${directions} ${action}\n`);
  return `default ${byDefault}\n${text.join('')}`;
}
