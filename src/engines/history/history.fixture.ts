/** Runs a scenario through a generation, results by name. */
import { runScenario, type ScenarioRun } from '../../fuzz/scenario-run.ts';
import type { EventJson } from '../../model/scenario-json.ts';
import { findHistoryEngine } from './engines.ts';

export function run(name: string, ...events: EventJson[]): ScenarioRun['results'] {
  return runScenario(findHistoryEngine(name)!, { events }, '6.18').results;
}

/** A filter event of DEFAULT_DENY: CLEAR and an ADD per range. */
export function deny(...ranges: RangeText[]): EventJson {
  return { filter: { flags: 'deny', ranges: ranges.map(range) } };
}

export function allow(...ranges: RangeText[]): EventJson {
  return { filter: { flags: 'allow', ranges: ranges.map(range) } };
}

/** `flags base nmsrs bitmap`: bitmap `0` denies all, `1` allows all, `-` is unmapped. */
type RangeText = `${string} ${string} ${number} ${'0' | '1' | '-'}`;

function range(text: RangeText) {
  const [flags, base, nmsrs, bits] = text.split(' ') as [string, string, string, string];
  const bytes = Math.ceil(Number(nmsrs) / 64) * 8;
  const bitmap = bits === '-' ? null : (bits === '1' ? 'ff' : '00').repeat(bytes);
  return { flags, base, nmsrs: Number(nmsrs), bitmap };
}

/** Accesses of one event: `r 0x10`. */
export function access(...list: string[]): EventJson {
  return { access: list.map((text) => [text.split(' ')[1]!, text.split(' ')[0] as 'r' | 'w']) };
}
