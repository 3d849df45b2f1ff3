import { expect, test } from 'vitest';
import type { Engine } from '../engines/contract.ts';
import { interval } from '../engines/interval.ts';
import { reference } from '../engines/reference.ts';
import { SvmVm, svm } from '../engines/svm.ts';
import { VmxVm, vmx } from '../engines/vmx.ts';
import { parseJsonText } from '../model/json-text.ts';
import { KERNEL_PROFILES, NEWEST_PROFILE } from '../model/profile.ts';
import { parseScenario } from '../model/scenario-json.ts';
import type { ShardProof, StatesPlan } from './plan.ts';
import { ALPHABET, proveStatesShard, statesScenarioAt, statesShards } from './states.ts';

const plan = (length: number, profile = NEWEST_PROFILE.id): StatesPlan => ({
  kind: 'states',
  engines: [],
  profile,
  length,
});

function all(of: StatesPlan, engines: readonly Engine[]): ShardProof[] {
  return Array.from({ length: statesShards(of) }, (_, shard) => proveStatesShard(of, shard, engines, () => {}));
}

test.each(KERNEL_PROFILES.map(({ id }) => id))('the built-in engines agree on all sequences of 2, profile %s', (id) => {
  const proofs = all(plan(2, id), [reference, interval, vmx, svm]);
  expect(proofs.filter(({ disproof }) => disproof !== null)).toEqual([]);
  expect(proofs.reduce((sum, { cases }) => sum + cases, 0)).toBe(ALPHABET.length ** 2);
});

test('every sequence is run once', () => {
  const of = plan(3);
  const seen = new Set<string>();
  for (let shard = 0; shard < statesShards(of); shard++) {
    for (let n = 0; n < ALPHABET.length; n++) seen.add(statesScenarioAt(of, shard, n));
  }
  expect(seen.size).toBe(ALPHABET.length ** 3);
});

test('an engine that does not run the changes is refused', () => {
  const capabilities = { ...reference.capabilities, events: ['filter', 'access'] as const };
  const engine: Engine = { ...reference, name: 'plain', capabilities };
  expect(() => proveStatesShard(plan(1), 0, [reference, engine], () => {})).toThrow(/does not run cap events/);
});

/** Keeps the bit of a candidate clear when a filter denies it later: what a forgotten update of the bitmap does. */
class StaleVmx extends VmxVm {
  protected override filterChanged(): void {}
}
class StaleSvm extends SvmVm {
  protected override filterChanged(): void {}
}

test.each([
  ['vmx', vmx, StaleVmx],
  ['svm', svm, StaleSvm],
] as const)('a bitmap of %s that a filter change leaves alone is disproved', (name, { capabilities }, Stale) => {
  const engine: Engine = { name: `stale-${name}`, capabilities, createVm: (config) => new Stale(config) };
  const { disproof } = all(plan(1), [reference, engine]).find((proof) => proof.disproof !== null)!;
  const { events } = parseScenario(parseJsonText(disproof!, 'disproof'), 'disproof');
  expect(events.map(({ kind }) => kind)).toEqual(['filter', 'access']);
});
