import { describe, expect, test } from 'vitest';
import { canary } from '../engines/canary.ts';
import type { Engine } from '../engines/contract.ts';
import { interval } from '../engines/interval.ts';
import { ReferenceVm, reference } from '../engines/reference.ts';
import { svm } from '../engines/svm.ts';
import { vmx } from '../engines/vmx.ts';
import { parseJsonText } from '../model/json-text.ts';
import { KERNEL_PROFILES, NEWEST_PROFILE } from '../model/profile.ts';
import type { AccessBatch } from '../model/scenario.ts';
import { parseScenario } from '../model/scenario-json.ts';
import type { RangesPlan, ShardProof } from './plan.ts';
import { proveRangesShard, rangesScenarioAt, rangesShards } from './ranges.ts';

const plan = (ranges: number, profile = NEWEST_PROFILE.id): RangesPlan => ({
  kind: 'ranges',
  engines: [],
  profile,
  ranges,
  vendors: ['vmx', 'svm'],
});
const SILENT = (): void => {};

function all(of: RangesPlan, engines: readonly Engine[]): ShardProof[] {
  return Array.from({ length: rangesShards(of) }, (_, shard) => proveRangesShard(of, shard, engines, SILENT));
}

test.each(KERNEL_PROFILES.map(({ id }) => id))(
  'the built-in engines are equivalent up to 1 range, profile %s',
  (id) => {
    const proofs = all(plan(1, id), [reference, interval, vmx, svm]);
    expect(proofs.filter(({ disproof }) => disproof !== null)).toEqual([]);
    expect(proofs.every(({ cases, accesses }) => cases > 0 && accesses > cases)).toBe(true);
  },
);

test('a shard gives the same again, and another digest for another engine', () => {
  const of = plan(2);
  const shard = rangesShards(of) - 1;
  const first = proveRangesShard(of, shard, [reference, interval], SILENT);
  expect(proveRangesShard(of, shard, [reference, interval], SILENT)).toEqual(first);
  expect(proveRangesShard(of, shard, [canary, canary], SILENT).digest).not.toBe(first.digest);
});

describe('an engine that is wrong', () => {
  test('is disproved by the first class, with the access that differs', () => {
    const { disproof, cases } = proveRangesShard(plan(1), 0, [reference, canary], SILENT);
    expect(cases).toBe(1);
    const { events } = parseScenario(parseJsonText(disproof!, 'disproof'), 'disproof');
    expect(events.map(({ kind }) => kind)).toEqual(['cap', 'filter', 'access']);
    expect((events[2] as { batch: AccessBatch }).batch.indices.length).toBe(1);
  });

  test('at a single place, whatever its bit: it always denies, or always allows', () => {
    for (const answer of [false, true]) {
      class Fixed extends ReferenceVm {
        override allows(index: number, type: 0 | 1): boolean {
          return this.ranges.count > 0 && index === this.ranges.start[0] ? answer : super.allows(index, type);
        }
      }
      const { capabilities } = reference;
      const engine: Engine = { name: 'fixed', capabilities, createVm: (config) => new Fixed(config) };
      expect(proveRangesShard(plan(1), 0, [reference, engine], SILENT).disproof).not.toBeNull();
    }
  });

  test('is refused if it cannot be brought to the state', () => {
    const capabilities = { ...reference.capabilities, events: ['filter', 'access'] as const };
    const engine: Engine = { ...reference, name: 'plain', capabilities };
    expect(() => proveRangesShard(plan(1), 0, [reference, engine], SILENT)).toThrow(/does not run cap events/);
  });

  const faulty = (
    name: string,
    access: (this: ReferenceVm, batch: AccessBatch, verdicts: Uint8Array) => void,
  ): Engine => ({
    name,
    capabilities: reference.capabilities,
    createVm: (config) => Object.assign(new ReferenceVm(config), { access }),
  });

  test('because it throws, or leaves verdicts unwritten', () => {
    const throwing = faulty('throwing', () => {
      throw new Error('no');
    });
    const idle = faulty('idle', () => {});
    for (const engine of [throwing, idle]) {
      expect(proveRangesShard(plan(1), 0, [reference, engine], SILENT).disproof).not.toBeNull();
    }
  });

  test('because its ioctl refuses a filter', () => {
    const refusing: Engine = {
      name: 'refusing',
      capabilities: reference.capabilities,
      createVm: (config) => Object.assign(new ReferenceVm(config), { setFilter: () => -22 }),
    };
    expect(proveRangesShard(plan(1), 0, [reference, refusing], SILENT).disproof).not.toBeNull();
  });
});

test('the place that was told last leads back to what was run', () => {
  let place = -1;
  const lost: { filter: string; place: number }[] = [];
  const stopping: Engine = {
    name: 'stopping',
    capabilities: reference.capabilities,
    createVm: (config) => {
      const vm = new ReferenceVm(config);
      const setFilter = vm.setFilter.bind(vm);
      return Object.assign(vm, {
        setFilter: (...args: Parameters<ReferenceVm['setFilter']>) => {
          if (place === 40) {
            const [{ ranges }] = args;
            lost.push({ place, filter: JSON.stringify(ranges.map(({ base, nmsrs, flags }) => [base, nmsrs, flags])) });
          }
          return setFilter(...args);
        },
      });
    },
  };
  const of = plan(2);
  const shard = rangesShards(plan(1)) + 1;
  proveRangesShard(of, shard, [reference, stopping], (at) => {
    place = at;
  });
  const { events } = parseScenario(parseJsonText(rangesScenarioAt(of, shard, 40), 'scenario'), 'scenario');
  const filter = events.find((event) => event.kind === 'filter')!.filter;
  expect(JSON.stringify(filter.ranges.map(({ base, nmsrs, flags }) => [base, nmsrs, flags]))).toBe(lost[0]!.filter);
});
