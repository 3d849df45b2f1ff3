/** The laws of the conformance kit, other than the kernel's selftest. */
import type { Engine, EngineVm, EventKind } from '../engines/contract.ts';
import { catalogueBase } from '../model/catalogue.ts';
import type { MsrFilter } from '../model/filter.ts';
import { NEWEST_PROFILE } from '../model/profile.ts';
import { ACCESS_FORMS, type AccessBatch, ApicMode, type ScenarioEvent } from '../model/scenario.ts';
import { AccessType, ROUTE_NAMES, VERDICT_NAMES } from '../model/verdict.ts';
import { REAL_FILTERS } from './real-filters.ts';

export interface Law {
  readonly law: string;
  /** What is wrong, undefined if nothing is. */
  readonly check: (engine: Engine) => string | undefined;
}

const CONFIG = { profile: NEWEST_PROFILE, base: catalogueBase() };
const newVm = (engine: Engine): EngineVm => engine.createVm(CONFIG);

/** Both directions of MSRs that filters, bitmaps and the APIC treat differently. */
const INDICES = [
  0x0, 0x10, 0x48, 0x174, 0x175, 0x6e1, 0x7ff, 0x800, 0x808, 0x8ff, 0x900, 0xda0, 0x1fff, 0x2000, 0x4000_0073,
  0x474f_4f00, 0x8000_0000, 0xc000_0080, 0xc000_0100, 0xc000_0101, 0xc001_0130, 0xdead_beef, 0xffff_ffff,
];
const PROBE: AccessBatch = {
  indices: Uint32Array.from(INDICES.flatMap((index) => [index, index])),
  types: Uint8Array.from(INDICES.flatMap(() => [AccessType.READ, AccessType.WRITE])),
};

/** A filter that decides both ways, by ranges and by default. */
const MIXED: MsrFilter = {
  flags: 1,
  ranges: [
    { flags: 1, base: 0x100, nmsrs: 128, bitmap: new Uint8Array(16).fill(0x55) },
    { flags: 3, base: 0xc000_0100, nmsrs: 3, bitmap: new Uint8Array(8).fill(0x05) },
    { flags: 2, base: 0x0, nmsrs: 0x1000, bitmap: new Uint8Array(512).fill(0x33) },
  ],
};
const ALL_DENIED: MsrFilter = {
  flags: 1,
  ranges: [{ flags: 3, base: 0x10, nmsrs: 1, bitmap: new Uint8Array(8) }],
};

const probe = (form: AccessBatch['form'] = 'native'): ScenarioEvent => ({
  kind: 'access',
  batch: form === 'native' ? PROBE : { ...PROBE, form },
});
const filterEvent = (filter: MsrFilter): ScenarioEvent => ({ kind: 'filter', filter });

/**
 * Every event kind and form, in an order that leaves its traces in the state. With arrays of its own each time: an
 * engine may write to them.
 */
const long = (): readonly ScenarioEvent[] => structuredClone(LONG);
const LONG: readonly ScenarioEvent[] = [
  { kind: 'cap', mask: 7n },
  probe(),
  ...REAL_FILTERS.flatMap(({ filter }) => [filterEvent(filter), probe()]),
  { kind: 'apic', mode: ApicMode.X2APIC },
  { kind: 'candidates', changes: [{ index: 0x48, read: true, write: true }] },
  filterEvent(MIXED),
  ...ACCESS_FORMS.map((form) => probe(form)),
  { kind: 'cap', mask: 5n },
  probe(),
  { kind: 'reply', error: 1, data: 0n },
  { kind: 'nested', bitmaps: true, mapped: true, passthrough: [{ index: 0xc000_0100, read: true, write: true }] },
  { kind: 'ignoreMsrs', on: true },
  probe(),
];
/** To be run after or beside the long one. */
const short = (): readonly ScenarioEvent[] => structuredClone(SHORT);
const SHORT: readonly ScenarioEvent[] = [probe(), filterEvent(MIXED), probe(), filterEvent(ALL_DENIED), probe()];

const runs = (engine: Engine, event: ScenarioEvent): boolean =>
  event.kind === 'access'
    ? (engine.capabilities.forms ?? ['native']).includes(event.batch.form ?? 'native')
    : engine.capabilities.events.includes(event.kind);

/** Result of an event as text: a code, or verdicts and routes. */
function perform(engine: Engine, vm: EngineVm, event: ScenarioEvent): string {
  if (!runs(engine, event)) return '';
  switch (event.kind) {
    case 'filter':
      return String(vm.setFilter(event.filter, event.delivery ?? 'normal'));
    case 'cap':
      return String(vm.enableCap!(event));
    case 'reply':
      return String(vm.reply!(event.error, event.data));
    case 'nested':
      return String(vm.enterNested!(event));
    case 'apic':
      return String(vm.setApicMode!(event.mode) ?? '');
    case 'candidates':
      return String(vm.setCandidates!(event.changes) ?? '');
    case 'ignoreMsrs':
      return String(vm.setIgnoreMsrs!(event.on) ?? '');
    case 'access': {
      const verdicts = new Uint8Array(event.batch.indices.length).fill(0xee);
      const routes = new Uint8Array(event.batch.indices.length).fill(0xee);
      vm.access(event.batch, verdicts, routes);
      return `${verdicts}${engine.capabilities.routes ? ` ${routes}` : ''}`;
    }
  }
}

const play = (engine: Engine, vm: EngineVm, events: readonly ScenarioEvent[]): string[] =>
  events.map((event) => perform(engine, vm, event));

function firstDifference(expected: readonly string[], found: readonly string[], when: string): string | undefined {
  const event = expected.findIndex((result, i) => result !== found[i]);
  return event < 0 ? undefined : `event ${event} ${when}: first ${expected[event]}, then ${found[event]}`;
}

/** Every array that the events hand over, as text. */
function inputs(events: readonly ScenarioEvent[]): string {
  return JSON.stringify(events, (_, value) =>
    ArrayBuffer.isView(value) ? String(value) : typeof value === 'bigint' ? String(value) : value,
  );
}

const METHOD_OF: Readonly<Record<Exclude<EventKind, 'access' | 'filter'>, keyof EngineVm>> = {
  cap: 'enableCap',
  reply: 'reply',
  nested: 'enterNested',
  apic: 'setApicMode',
  candidates: 'setCandidates',
  ignoreMsrs: 'setIgnoreMsrs',
};
const BITMAP_BYTES = { vmx: 4096, svm: 8192 } as const;

/** Verdicts of native accesses in the state reached. */
function decisions(vm: EngineVm): string {
  const verdicts = new Uint8Array(PROBE.indices.length);
  vm.access(structuredClone(PROBE), verdicts, new Uint8Array(PROBE.indices.length));
  return String(verdicts);
}

export const KIT_LAWS: readonly Law[] = [
  {
    law: 'has the methods of the capabilities it states',
    check: (engine) => {
      const { events, bitmap } = engine.capabilities;
      if (!/^[\w.@-]+$/.test(engine.name)) return `the name ${JSON.stringify(engine.name)}: letters, digits, - _ . @`;
      const vm = newVm(engine);
      for (const kind of ['filter', 'access'] as const) if (!events.includes(kind)) return `does not run ${kind}`;
      const needed = events.map((kind) => (METHOD_OF as Partial<Record<EventKind, keyof EngineVm>>)[kind]);
      const methods = ['setFilter', 'access', ...needed, ...(bitmap ? ['bitmap'] : [])] as (keyof EngineVm)[];
      const missing = methods.find((name) => name !== undefined && typeof vm[name] !== 'function');
      if (missing) return `has no method ${missing}`;
      if (!bitmap) return undefined;
      const bytes = (['l1', 'l2'] as const).map((level) => vm.bitmap!(level).length);
      return bytes.every((n) => n === BITMAP_BYTES[bitmap]) ? undefined : `bitmaps of ${bytes} bytes`;
    },
  },
  {
    law: 'gives the same answers to the same scenario',
    check: (engine) =>
      firstDifference(play(engine, newVm(engine), long()), play(engine, newVm(engine), long()), 'in two new VMs'),
  },
  {
    law: 'is a new VM after a reset',
    check: (engine) => {
      const vm = newVm(engine);
      if (!vm.reset) return undefined;
      play(engine, vm, long());
      for (const events of [short, long]) {
        vm.reset();
        const expected = play(engine, newVm(engine), events());
        const wrong = firstDifference(expected, play(engine, vm, events()), 'after a reset');
        if (wrong) return wrong;
      }
      return undefined;
    },
  },
  {
    law: 'keeps VMs apart',
    check: (engine) => {
      const alone = [play(engine, newVm(engine), short()), play(engine, newVm(engine), long())] as const;
      const [a, b] = [newVm(engine), newVm(engine)];
      const [ofA, ofB]: [string[], string[]] = [[], []];
      const [fewer, more] = [short(), long()];
      for (let event = 0; event < more.length; event++) {
        ofB.push(perform(engine, b, more[event]!));
        if (event < fewer.length) ofA.push(perform(engine, a, fewer[event]!));
      }
      const when = 'beside another VM';
      return firstDifference(alone[0], ofA, when) ?? firstDifference(alone[1], ofB, when);
    },
  },
  {
    law: 'writes to nothing but verdicts and routes',
    check: (engine) => {
      const events = long();
      const before = inputs(events);
      play(engine, newVm(engine), events);
      return inputs(events) === before ? undefined : 'an event was changed while it ran';
    },
  },
  {
    law: 'keeps no reference to a bitmap or a batch',
    check: (engine) => {
      const expected = play(engine, newVm(engine), structuredClone([filterEvent(MIXED), probe(), probe()]));
      const vm = newVm(engine);
      const filter = structuredClone(MIXED);
      const found = [perform(engine, vm, filterEvent(filter))];
      for (const { bitmap } of filter.ranges) bitmap!.fill(0xaa);
      const batch = structuredClone(PROBE);
      found.push(perform(engine, vm, { kind: 'access', batch }));
      batch.indices.fill(0x10);
      found.push(perform(engine, vm, structuredClone(probe())));
      return firstDifference(expected, found, 'with its memory reused');
    },
  },
  {
    law: 'answers an empty batch with nothing',
    check: (engine) => {
      const vm = newVm(engine);
      vm.setFilter(structuredClone(MIXED), 'normal');
      const before = decisions(vm);
      const [verdicts, routes] = [new Uint8Array(8).fill(0xee), new Uint8Array(8).fill(0xee)];
      vm.access({ indices: new Uint32Array(0), types: new Uint8Array(0) }, verdicts, routes);
      if (verdicts.some((byte) => byte !== 0xee)) return 'wrote a verdict';
      if (routes.some((byte) => byte !== 0xee)) return 'wrote a route';
      return decisions(vm) === before ? undefined : 'accesses afterwards are decided otherwise';
    },
  },
  {
    law: 'keeps the filter when the ioctl fails',
    check: (engine) => {
      const vm = newVm(engine);
      vm.setFilter(structuredClone(MIXED), 'normal');
      const before = decisions(vm);
      for (const broken of BROKEN) {
        const result = vm.setFilter(structuredClone(broken), 'normal');
        if (result >= 0) return `an invalid filter was accepted: ${result}`;
        if (decisions(vm) !== before) return `the failed ioctl (${result}) changed decisions`;
      }
      return undefined;
    },
  },
  {
    law: 'allows again once filtering is off',
    check: (engine) => {
      const vm = newVm(engine);
      const before = decisions(vm);
      vm.setFilter(structuredClone(ALL_DENIED), 'normal');
      if (decisions(vm) === before) return 'a filter that denies everything changed nothing';
      const result = vm.setFilter({ flags: 0, ranges: [] }, 'normal');
      if (result !== 0) return `the empty filter was refused: ${result}`;
      return decisions(vm) === before ? undefined : 'decisions are not what they were with no filter';
    },
  },
  {
    law: 'writes verdicts, and routes if it states them',
    check: (engine) => {
      const vm = newVm(engine);
      for (const event of long()) {
        if (!runs(engine, event) || event.kind !== 'access') {
          perform(engine, vm, event);
          continue;
        }
        const length = event.batch.indices.length;
        // Longer than the batch, as the contract allows: the rest is not the engine's.
        const [verdicts, routes] = [new Uint8Array(length + 8).fill(0xee), new Uint8Array(length + 8).fill(0xee)];
        vm.access(event.batch, verdicts, routes);
        const form = event.batch.form ?? 'native';
        if (verdicts.subarray(0, length).some((byte) => byte >= VERDICT_NAMES.length)) return `no verdict (${form})`;
        if (verdicts.subarray(length).some((byte) => byte !== 0xee)) return `a verdict past the batch (${form})`;
        const stated = engine.capabilities.routes;
        if (stated && routes.subarray(0, length).some((byte) => byte >= ROUTE_NAMES.length))
          return `no route (${form})`;
        if (routes.subarray(length).some((byte) => byte !== 0xee)) return `a route past the batch (${form})`;
      }
      return undefined;
    },
  },
];

const GOOD = { flags: 3, base: 0x174, nmsrs: 1, bitmap: new Uint8Array(8) };
/** Each invalid in one way, after a range that is valid. */
const BROKEN: readonly MsrFilter[] = [
  { flags: 2, ranges: [GOOD] },
  { flags: 1, ranges: [] },
  { flags: 0, ranges: [GOOD, { ...GOOD, flags: 0 }] },
  { flags: 0, ranges: [GOOD, { ...GOOD, flags: 4 }] },
  { flags: 0, ranges: [GOOD, { ...GOOD, nmsrs: 12289, bitmap: new Uint8Array(1544) }] },
  { flags: 0, ranges: [GOOD, { ...GOOD, bitmap: null }] },
  { flags: 0, ranges: [GOOD, { ...GOOD, bitmap: new Uint8Array(7) }] },
];
