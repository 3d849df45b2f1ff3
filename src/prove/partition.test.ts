import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BIT_BUGS } from '../../test/planted/bits.ts';
import { EXEMPTION_BUGS } from '../../test/planted/exemption.ts';
import { LOOKUP_BUGS } from '../../test/planted/lookup.ts';
import type { PlantedBug } from '../../test/planted/support.ts';
import { canary } from '../engines/canary.ts';
import type { CompiledFilter, PagesForm, SegmentsForm, SlotsForm } from '../engines/compiled-filter.ts';
import type { Engine, EngineVm } from '../engines/contract.ts';
import { fromDecision } from '../engines/decision.ts';
import { interval } from '../engines/interval.ts';
import { reference } from '../engines/reference.ts';
import { Runner } from '../engines/runner.ts';
import { svm } from '../engines/svm.ts';
import { vmx } from '../engines/vmx.ts';
import { msrFilter } from '../fuzz/arbitrary.ts';
import { catalogueBase } from '../model/catalogue.ts';
import type { MsrFilter } from '../model/filter.ts';
import { formatFilter } from '../model/filter-json.ts';
import { InputError } from '../model/input-error.ts';
import { KERNEL_PROFILES, NEWEST_PROFILE } from '../model/profile.ts';
import { ApicMode } from '../model/scenario.ts';
import { parseScenario } from '../model/scenario-json.ts';
import type { AccessType } from '../model/verdict.ts';
import { bruteForceShards, proveByBruteForce } from './brute-force.ts';
import { partitionShards, proveByPartition } from './partition.ts';
import type { PartitionPlan, ShardProof } from './plan.ts';
import { runsOf } from './runs.ts';

const MODELS = [reference, interval, vmx, svm];
const SHARD_INDICES = 2 ** 23;

function plan(filter: MsrFilter, more: Partial<PartitionPlan> = {}): PartitionPlan {
  const text = formatFilter(filter);
  return { kind: 'partition', engines: [], profile: 'newest', mask: 7, apic: ApicMode.X2APIC, filter: text, ...more };
}

const noBeat = (): void => {};

function partition(filter: MsrFilter, engines: readonly Engine[], more: Partial<PartitionPlan> = {}): ShardProof {
  return proveByPartition(plan(filter, more), 0, engines, noBeat);
}

function brute(
  filter: MsrFilter,
  engines: readonly Engine[],
  index: number,
  more: Partial<PartitionPlan> = {},
): ShardProof {
  const shard = Math.floor(index / SHARD_INDICES);
  return proveByBruteForce({ ...plan(filter, more), kind: 'brute-force' }, shard, engines, noBeat);
}

/** Whether the engines part on the scenario, and the place of its last access. */
function replay(disproof: string, engines: readonly Engine[]): { parts: boolean; index: number; type: AccessType } {
  const scenario = parseScenario(JSON.parse(disproof), 'disproof');
  const last = scenario.events.at(-1)!;
  if (last.kind !== 'access') throw new Error('no access');
  const config = { profile: NEWEST_PROFILE, base: catalogueBase() };
  const { length } = last.batch.indices;
  const answers = engines.map((engine) => new Runner(engine, config).run(scenario, length).verdicts[length - 1]);
  const [index, type] = [last.batch.indices[length - 1]!, last.batch.types[length - 1] as AccessType];
  return { parts: answers.some((answer) => answer !== answers[0]), index, type };
}

const bits = (nmsrs: number, seed: number): Uint8Array =>
  new Uint8Array(Math.ceil(nmsrs / 64) * 8).map((_, i) => Math.imul(i + seed, 0x9e37_79b1) >>> 24);
const range = (base: number, nmsrs: number, flags = 3) => ({ flags, base, nmsrs, bitmap: bits(nmsrs, base) });

/** Overlaps, one direction, wraps and top, windows, sign, x2APIC. */
const CROWDED: MsrFilter = {
  flags: 1,
  ranges: [
    range(0x7f0, 0x120),
    range(0x1ff0, 12288, 1),
    range(0x2000, 64, 2),
    range(0xc000_0000, 0x2000),
    range(0xc000_1000, 12288),
    range(0x7fff_fff0, 0x41),
    range(0xffff_fff0, 15),
    range(0xffff_fff8, 64),
    range(0, 1, 2),
    range(0x4b56_4d00, 33),
  ],
};

describe('proveByPartition', () => {
  it('shows that the models agree, on every profile, and says that their compiled forms were checked', () => {
    for (const { id } of KERNEL_PROFILES) {
      for (const [mask, apic] of [
        [7, ApicMode.X2APIC],
        [0, ApicMode.NONE],
        [4, ApicMode.XAPIC],
      ] as const) {
        const { disproof, counts, accesses } = partition(CROWDED, MODELS, { profile: id, mask, apic });
        expect(disproof).toBeNull();
        for (const { name } of MODELS) expect(counts[`compiled:${name}`]).toBe(1);
        expect(accesses).toBeGreaterThan(3 * 2 ** 33);
      }
    }
    expect(partitionShards(plan(CROWDED))).toBe(1);
  });

  it('has the same digest whatever engines are compared, another one for another filter', () => {
    const { digest } = partition(CROWDED, MODELS);
    expect(partition(CROWDED, [interval, reference]).digest).toBe(digest);
    expect(partition({ ...CROWDED, flags: 0 }, MODELS).digest).not.toBe(digest);
  });

  it('rejects what all engines refuse', () => {
    expect(() => partition({ flags: 1, ranges: [] }, MODELS)).toThrow(InputError);
    expect(() => partition({ flags: 2, ranges: [range(0, 1)] }, MODELS)).toThrow(/refuses the filter: errno -22/);
    expect(() => partition(CROWDED, MODELS, { profile: 'none' })).toThrow(InputError);
  });

  it('says that an engine without a compiled form is assumed to be constant inside of segments', () => {
    const mine = fromDecision({ name: 'mine', allowed: () => true });
    const { disproof, counts, accesses } = partition({ flags: 0, ranges: [] }, [reference, mine]);
    expect(disproof).toBeNull();
    expect(counts['assumed:mine']).toBe(1);
    expect(accesses).toBe(counts.tied);
  });

  it('counts what the ledger knows', () => {
    const deadline: MsrFilter = { flags: 0, ranges: [{ flags: 3, base: 0x6e0, nmsrs: 1, bitmap: new Uint8Array(8) }] };
    expect(partition(deadline, [reference, vmx]).known).toEqual({ 'tsc-deadline-fastpath': 1 });
    expect(brute(deadline, [vmx, reference], 0).known).toEqual({ 'tsc-deadline-fastpath': 1 });
  });
});

describe('runsOf', () => {
  it.each(MODELS)('$name: the runs decide as the engine does', (engine) => {
    const config = { profile: NEWEST_PROFILE, base: catalogueBase() };
    const vm = engine.createVm(config);
    const oracle = reference.createVm(config);
    fc.assert(
      fc.property(msrFilter(), fc.array(fc.nat(0xffff_ffff), { maxLength: 8 }), (filter, others) => {
        vm.reset!();
        oracle.reset!();
        vm.setFilter(filter, 'normal');
        oracle.setFilter(filter, 'normal');
        const { filter: single, batches = single } = vm.compiled!()!;
        const forms = [runsOf(single), runsOf(batches)];
        const edges = filter.ranges.flatMap(({ base, nmsrs }) => [base, base + nmsrs, base + (nmsrs >>> 1)]);
        for (const at of [...edges, ...others, 0, 0x800, 0x900, 0xffff_ffff]) {
          for (const index of [at - 1, at, at + 1].map((value) => value >>> 0)) {
            for (const type of [0, 1] as const) {
              for (const runs of forms) expect(runs[type].decision(index)).toBe(oracle.allows!(index, type) ? 1 : 0);
            }
          }
        }
      }),
      { seed: 7, numRuns: 300 },
    );
  });
});

/** Bugs that show in one filter and one native access, with nothing before it. */
const VISIBLE = [...LOOKUP_BUGS, ...BIT_BUGS, ...EXEMPTION_BUGS].filter(
  ({ example, profile }) =>
    profile === undefined &&
    example.filter(({ kind }) => kind === 'filter').length === 1 &&
    example.every((event) => event.kind === 'filter' || event.kind === 'cap' || event.kind === 'access') &&
    example.every((event) => event.kind !== 'access' || (event.batch.form ?? 'native') === 'native'),
);

describe.each(VISIBLE.map((bug) => [bug.id, bug] as const))('planted %s', (_, { engine, example }: PlantedBug) => {
  const event = example.find(({ kind }) => kind === 'filter')!;
  const filter = event.kind === 'filter' ? event.filter : CROWDED;
  const pair = [reference, engine];

  it('is disproved by partition and by brute force, at an access that shows it', () => {
    const { disproof } = partition(filter, pair, { apic: ApicMode.NONE });
    const found = replay(disproof!, pair);
    expect(found.parts).toBe(true);
    // A sweep that would have to go on for millions of accesses takes seconds in an engine like these.
    if (found.index % SHARD_INDICES > 2 ** 20) return;
    const swept = replay(brute(filter, pair, found.index, { apic: ApicMode.NONE }).disproof!, pair);
    expect(swept.parts).toBe(true);
  });
});

/** An engine that is another one but for its VMs. */
function changed(engine: Engine, change: (vm: EngineVm) => void): Engine {
  return {
    ...engine,
    createVm: (config) => {
      const vm = engine.createVm(config);
      const setFilter = vm.setFilter.bind(vm);
      vm.setFilter = (filter, delivery) => {
        const result = setFilter(filter, delivery);
        change(vm);
        return result;
      };
      return vm;
    },
  };
}

/** The same, but nothing is a long batch to it. */
function inShortBatches(engine: Engine): Engine {
  return {
    ...engine,
    createVm: (config) => {
      const vm = engine.createVm(config);
      const access = vm.access.bind(vm);
      vm.access = ({ indices, types, form = 'native' }, verdicts, routes) => {
        for (let at = 0; at < indices.length; at += 32) {
          const part = { form, indices: indices.subarray(at, at + 32), types: types.subarray(at, at + 32) };
          access(part, verdicts.subarray(at, at + 32), routes.subarray(at, at + 32));
        }
      };
      return vm;
    },
  };
}

const form = <F>(vm: EngineVm): F => vm.compiled!()!.filter as F;
const FAR = 0x9abc_d123;
/** Far from everything that the filter or the hardware knows. */
const CORRUPTIONS: readonly (readonly [string, Engine, (vm: EngineVm) => void, number])[] = [
  ['a directory byte', interval, (vm) => void form<PagesForm>(vm).directory.set([1], FAR >>> 12), FAR],
  ['a bit of a page', interval, (vm) => flipPage(form<PagesForm>(vm), 0x3abc), 0x3abc],
  ['a bit of the default page', interval, (vm) => flip(form<PagesForm>(vm).pages, 0x23, 4), 0x1_0462],
  ['a cut', svm, (vm) => moveCut(form<SegmentsForm>(vm)), 0xc000_3000],
  ['an owner', svm, (vm) => void form<SegmentsForm>(vm).owner.fill(3, 4, 5), 0x7f0],
  ['a block without its slot', vmx, (vm) => dropSlot(form<SlotsForm>(vm), 0xc000_2000), 0xc000_2000],
  ['a bit of the hardware bitmap', vmx, (vm) => flip(vm.bitmap!('l1'), 0x345, 1), 0x1a28],
  ['a bit of the permissions map', svm, (vm) => flip(vm.bitmap!('l1'), 0x1001, 1), 0xc001_0004],
];

function flip(words: Uint32Array | Uint8Array, at: number, mask: number): void {
  words[at]! ^= mask;
}

function flipPage({ directory, pages }: PagesForm, index: number): void {
  flip(pages, (directory[index >>> 12]! << 8) | ((index >>> 5) & 127), 1 << (index & 31));
}

function moveCut({ cuts, segments }: SegmentsForm): void {
  const at = cuts.subarray(0, segments).indexOf(0xc000_4000);
  cuts[at]! -= 0x1800;
}

function dropSlot({ slotsOfBlock }: SlotsForm, index: number): void {
  slotsOfBlock[((index >>> 12) ^ (index >>> 20)) & 4095] = 0;
}

describe.each(CORRUPTIONS)('a corrupted compiled form: %s', (_, origin, corrupt, index) => {
  // What long batches are answered from was made before, and is right.
  const engine = inShortBatches(changed(origin, corrupt));
  const pair = [reference, engine];

  it('is disproved by partition and by brute force', () => {
    const found = replay(partition(CROWDED, pair).disproof!, pair);
    expect(found.parts).toBe(true);
    expect(replay(brute(CROWDED, pair, index).disproof!, pair).parts).toBe(true);
    expect(Math.floor(found.index / SHARD_INDICES)).toBe(Math.floor(index / SHARD_INDICES));
  });
});

describe.each([interval, vmx, svm].map((engine) => [engine.name, engine] as const))(
  'what %s answers long batches from, corrupted',
  (_, origin) => {
    const directory = changed(origin, (vm) => void vm.compiled!()!.batches!.directory.set([1], FAR >>> 12));

    it('is disproved by partition and by brute force', () => {
      const pair = [reference, directory];
      const found = replay(partition(CROWDED, pair).disproof!, pair);
      expect(found.parts).toBe(true);
      expect(found.index >>> 12).toBe(FAR >>> 12);
      expect(replay(brute(CROWDED, pair, FAR).disproof!, pair).parts).toBe(true);
    });
  },
);

describe('an engine whose compiled form is not what it does', () => {
  const lying = (lie: (truth: CompiledFilter) => CompiledFilter): Engine => ({
    ...interval,
    name: 'liar',
    createVm: (config) => {
      const vm = interval.createVm(config);
      const truth = vm.compiled!.bind(vm);
      vm.compiled = () => lie(truth()!);
      return vm;
    },
  });

  it.each([
    ['verdicts', lying((truth) => ({ ...truth, verdicts: [1, 0, 3, 4] }))],
    [
      'a page of its own',
      lying((truth) => {
        const pages = (truth.filter as PagesForm).pages.map((word) => ~word);
        return { ...truth, filter: { ...(truth.filter as PagesForm), pages } };
      }),
    ],
    ['the fastpath', lying((truth) => ({ ...truth, fastpath: [{ index: 0x6e0, type: 1 }] }))],
  ])('is caught where it is run: %s', (_, liar) => {
    const { disproof, counts } = partition(CROWDED, [reference, liar]);
    expect(disproof).not.toBeNull();
    expect(counts['contradicted:liar']).toBe(1);
  });

  it('and the other way round: it says what is right, and does something else', () => {
    const engine: Engine = {
      ...canary,
      createVm: (config) => {
        const [vm, honest] = [canary.createVm(config), reference.createVm(config)];
        const setFilter = vm.setFilter.bind(vm);
        vm.setFilter = (filter, delivery) => honest.setFilter(filter, delivery) || setFilter(filter, delivery);
        vm.enableCap = (event) => honest.enableCap!(event);
        vm.compiled = () => honest.compiled!()!;
        return vm;
      },
    };
    expect(partition(CROWDED, [reference, engine]).disproof).not.toBeNull();
  });
});

describe('proveByBruteForce', () => {
  it('agrees with partition around every cut of a crowded filter', () => {
    const shards = new Set(CROWDED.ranges.flatMap(({ base, nmsrs }) => [base, base + nmsrs - 1]));
    expect(bruteForceShards({ ...plan(CROWDED), kind: 'brute-force' })).toBe(512);
    for (const shard of new Set([...shards].map((index) => Math.floor((index % 2 ** 32) / SHARD_INDICES)))) {
      const proof = brute(CROWDED, [reference, interval], shard * SHARD_INDICES);
      expect(proof).toMatchObject({ disproof: null, shard, accesses: 2 ** 24, cases: shard === 0 ? 1 : 0 });
    }
  });

  it('has the same digest whatever engines are compared, another one for another verdict', () => {
    const two = brute(CROWDED, [reference, interval], 0xffff_ffff);
    expect(brute(CROWDED, [interval, vmx, svm], 0xffff_ffff)).toMatchObject({ digest: two.digest, accesses: 2 ** 25 });
    const [last] = CROWDED.ranges.slice(6, 7);
    const bitmap = last!.bitmap!.slice();
    bitmap[0]! ^= 1;
    const ranges = CROWDED.ranges.with(6, { ...last!, bitmap });
    expect(brute({ ...CROWDED, ranges }, [reference, interval], 0xffff_ffff).digest).not.toBe(two.digest);
  });

  it.each([
    [
      'throws',
      0x345,
      (): void => {
        throw new Error('no');
      },
    ],
    [
      'leaves a verdict unwritten',
      0x345,
      (verdicts: Uint8Array, at: number): unknown => verdicts.fill(0xee, at, at + 1),
    ],
    ['writes no verdict', 0xc000_0345, (verdicts: Uint8Array, at: number): unknown => verdicts.fill(5, at, at + 1)],
  ])('an engine that %s is disproved at that access', (_, index, misbehave) => {
    const faulty: Engine = {
      ...interval,
      name: 'faulty',
      createVm: (config) => {
        const vm = interval.createVm(config);
        const access = vm.access.bind(vm);
        vm.access = (batch, verdicts, routes) => {
          access(batch, verdicts, routes);
          const at = batch.indices.indexOf(index);
          if (at >= 0 && batch.types[at] === 1) misbehave(verdicts, at);
        };
        return vm;
      },
    };
    for (const engines of [
      [reference, faulty],
      [faulty, reference],
    ]) {
      const scenario = parseScenario(JSON.parse(brute(CROWDED, engines, index).disproof!), 'disproof');
      const last = scenario.events.at(-1)!;
      expect(last.kind === 'access' && [[...last.batch.indices], [...last.batch.types]]).toEqual([[index], [1]]);
    }
  });
});

describe('partition against single accesses', () => {
  it('what it proves holds for random accesses, and what it disproves does not', () => {
    const config = { profile: NEWEST_PROFILE, base: catalogueBase() };
    const engines = [reference, interval, vmx, svm, ...VISIBLE.slice(0, 6).map(({ engine }) => engine)];
    let disproved = 0;
    fc.assert(
      fc.property(
        msrFilter(),
        fc.nat(engines.length - 1),
        fc.array(fc.nat(0xffff_ffff), { minLength: 64, maxLength: 64 }),
        (filter, number, others) => {
          const pair = [reference, engines[number]!];
          if (reference.createVm(config).setFilter(filter, 'normal') !== 0) return;
          const { disproof } = partition(filter, pair, { mask: 4, apic: ApicMode.NONE });
          if (disproof !== null) {
            disproved++;
            expect(replay(disproof, pair).parts).toBe(true);
            return;
          }
          const edges = filter.ranges.flatMap(({ base, nmsrs }) => [base - 1, base, base + nmsrs - 1, base + nmsrs]);
          const indices = Uint32Array.from([...edges, ...others].filter((index) => index !== 0x6e0));
          for (const type of [0, 1]) {
            const batch = { indices, types: new Uint8Array(indices.length).fill(type) };
            const [first, second] = pair.map((engine) => {
              const vm = engine.createVm(config);
              vm.enableCap!({ kind: 'cap', mask: 4n });
              vm.setFilter(filter, 'normal');
              const verdicts = new Uint8Array(indices.length);
              vm.access(batch, verdicts, new Uint8Array(indices.length));
              return [...verdicts];
            });
            expect(second).toEqual(first);
          }
        },
      ),
      { seed: 11, numRuns: 60 },
    );
    expect(disproved).toBeGreaterThan(3);
  });
});

describe('what an engine decides before the filter is asked', () => {
  const fast = (index: number): Engine => ({
    name: 'fast',
    capabilities: reference.capabilities,
    createVm(config) {
      const vm = interval.createVm(config);
      const [access, compiled] = [vm.access.bind(vm), vm.compiled!.bind(vm)];
      return Object.assign(vm, {
        access(...args: Parameters<EngineVm['access']>): void {
          access(...args);
          const [{ indices, types }, verdicts] = args;
          for (let i = 0; i < indices.length; i++) if (indices[i] === index && types[i] === 1) verdicts[i] = 0;
        },
        compiled: (): CompiledFilter => ({
          ...compiled()!,
          fastpath: [{ index, type: 1 }],
        }),
      });
    },
  });
  const deny: MsrFilter = { flags: 1, ranges: [{ flags: 3, base: 0x10, nmsrs: 1, bitmap: new Uint8Array(8) }] };

  it('is compared, wherever it is', () => {
    const { disproof } = partition(deny, [reference, fast(0x9abc_d123)]);
    expect(disproof).toMatch(/0x9abcd123/);
  });

  it('may be in the ledger', () => {
    expect(partition(deny, [interval, vmx])).toMatchObject({
      disproof: null,
      known: { 'tsc-deadline-fastpath': expect.any(Number) },
    });
  });
});

it('a compiled filter that is none is a disproof, and names the engine', () => {
  const filter: MsrFilter = { flags: 0, ranges: [{ flags: 1, base: 0, nmsrs: 1, bitmap: new Uint8Array(8) }] };
  for (const compiled of [
    () => {
      throw new Error('no');
    },
    () => ({
      filter: { kind: 'pages', directory: new Uint8Array(1), pages: new Uint32Array(1) },
      verdicts: [1, 0, 1, 1],
    }),
  ]) {
    const createVm = (config: Parameters<Engine['createVm']>[0]): EngineVm =>
      Object.assign(reference.createVm(config), { compiled }) as EngineVm;
    const engine: Engine = { name: 'lying', capabilities: reference.capabilities, createVm };
    const proof = partition(filter, [reference, engine]);
    expect(proof.disproof).not.toBeNull();
    expect(proof.counts['contradicted:lying']).toBe(1);
  }
});
