/**
 * Route conformance: what the svm or vmx engine predicts (passthrough or intercepted), and so the bitmap that it
 * synthesizes, against what a real kvm_amd or kvm_intel does. A vCPU's `exits` counter (`KVM_GET_STATS_FD`) tells
 * whether accesses exited; what KVM wishes to pass through is measured with no filter and given to the model.
 */
import type { Engine, EngineVm } from '../engines/contract.ts';
import type { KernelVm, KernelVmOptions } from '../engines/kernel/kernel-vm.ts';
import { BaseTable } from '../model/base.ts';
import { passthroughCandidates } from '../model/catalogue.ts';
import type { MsrFilter } from '../model/filter.ts';
import { type MeasuredKernel, unsteadyKeys } from '../model/kernel.ts';
import { findProfile } from '../model/profile.ts';
import type { ApicMode, MsrPassthrough } from '../model/scenario.ts';
import { AccessType, Route } from '../model/verdict.ts';
import { Random } from './random.ts';
import { RouteFilters } from './route-filters.ts';

/** The pages' ranges: both vendors' are looked at on either, since what one does not cover must exit there. */
const WINDOWS: readonly number[] = [0x0000_0000, 0xc000_0000, 0xc001_0000];
const WINDOW_MSRS = 0x2000;
/** Accesses are probed in groups, each run so many times: one that does not exit is told from stray exits. */
const GROUP = 16;
const REPEATS = 8;
/**
 * Repeats of one access that is probed alone, and the exits below which it counts as passthrough. What may pass at
 * all is always probed alone: in a group, an access that takes two exits could hide one that takes none.
 */
const ALONE = 200;
const MSR_IA32_APIC_BASE = 0x1b;
const PASSES_BELOW = 100;

export interface RouteMismatch {
  readonly session: string;
  /** Number of the state in its session, and what led to it. */
  readonly state: number;
  readonly step: string;
  readonly index: number;
  readonly type: AccessType;
  readonly predicted: 'passthrough' | 'intercepted';
  /** Of 200 accesses. */
  readonly exits: number;
}

export interface RouteReport {
  readonly sessions: number;
  readonly states: number;
  /** Accesses (MSR and direction) probed, over all states; and how many of them passed. */
  readonly probes: number;
  readonly passed: number;
  readonly mismatches: readonly RouteMismatch[];
}

interface Access {
  readonly index: number;
  readonly type: AccessType;
}

interface Session {
  readonly name: string;
  readonly options: KernelVmOptions;
  /** Every MSR of the windows is probed at its start and in its last state; else those that routes may differ on. */
  readonly whole: boolean;
}

const SESSIONS: readonly Session[] = [
  { name: 'no APIC', options: {}, whole: true },
  { name: 'APIC modes', options: { irqchip: true }, whole: false },
  { name: 'filter before the vCPU', options: { lateVcpu: true }, whole: false },
];
/** What KVM wishes differs from the start. */
const VENDOR_SESSIONS = {
  vmx: { name: 'C-states in the guest', options: { cstates: true }, whole: false },
  svm: { name: 'GenuineIntel CPUID', options: { intelCpuid: true }, whole: false },
} as const satisfies Record<string, Session>;

export interface RouteCheckOptions {
  readonly seed: number;
  /** States of each session after the first. */
  readonly states: number;
  readonly onProgress?: (done: number, of: number) => void;
}

/** `model`: the svm or vmx engine, whichever `kernel` runs on. */
export function checkRoutes(
  vm: KernelVm,
  model: Engine,
  kernel: MeasuredKernel,
  { seed, states, onProgress = () => {} }: RouteCheckOptions,
): RouteReport {
  const vendor = model.capabilities.bitmap!;
  const checker = new RouteChecker(vm, model, kernel);
  const sessions = [...SESSIONS, VENDOR_SESSIONS[vendor]];
  const total = sessions.length * (states + 1);
  for (const [number, session] of sessions.entries()) {
    const random = new Random(seed, number);
    checker.run(session, states, random, (state) => onProgress(number * (states + 1) + state, total));
  }
  const { probes, passed, mismatches } = checker;
  return { sessions: sessions.length, states: total, probes, passed, mismatches };
}

class RouteChecker {
  probes = 0;
  passed = 0;
  readonly mismatches: RouteMismatch[] = [];
  private readonly vm: KernelVm;
  private readonly model: Engine;
  private readonly kernel: MeasuredKernel;
  private readonly unsteady: ReadonlySet<number>;
  private readonly everything: readonly Access[];
  private readonly candidates: ReadonlySet<number>;
  /** Candidates, their neighbours, and what the kernel handles. */
  private readonly interesting: readonly Access[];

  constructor(vm: KernelVm, model: Engine, kernel: MeasuredKernel) {
    this.vm = vm;
    this.model = model;
    this.kernel = kernel;
    this.unsteady = unsteadyKeys(kernel.unsteady, 'native');
    this.everything = WINDOWS.flatMap((first) =>
      Array.from({ length: WINDOW_MSRS }, (_, i) => first + i).flatMap((index) => this.probeable(index)),
    );
    const near = new Set(kernel.rows.map(({ index }) => index));
    const { bitmap } = model.capabilities;
    this.candidates = new Set(passthroughCandidates(bitmap!, findProfile(kernel.profile)!).map(({ index }) => index));
    for (const index of this.candidates) {
      for (const neighbour of [index - 1, index, index + 1]) near.add(neighbour);
    }
    this.interesting = this.everything.filter(({ index }) => near.has(index));
  }

  run(session: Session, states: number, random: Random, onState: (state: number) => void): void {
    const { vm } = this;
    // What KVM wishes is what passes without a filter.
    vm.remake({ ...session.options, lateVcpu: false });
    const wishes = this.passing(session.whole ? this.everything : this.interesting);
    vm.remake(session.options);
    const model = this.newModel(wishes);
    const filters = new RouteFilters(random, this.model.capabilities.bitmap!, findProfile(this.kernel.profile)!);
    if (session.options.lateVcpu) {
      const filter = filters.next();
      vm.setFilter(filter, 'normal');
      model.setFilter(filter, 'normal');
    }
    this.compare(model, this.interesting, { session: session.name, state: 0, step: 'start' });
    onState(1);
    for (let state = 1; state <= states; state++) {
      const step = this.step(session, model, filters, random);
      const where = { session: session.name, state, step };
      this.compare(model, session.whole && state === states ? this.everything : this.interesting, where);
      onState(state + 1);
    }
  }

  /** One change, or several at once, made on both sides. */
  private step(session: Session, model: EngineVm, filters: RouteFilters, random: Random): string {
    const names: string[] = [];
    do {
      if (session.options.irqchip && random.below(3) === 0) {
        const mode = random.below(3) as ApicMode;
        this.vm.setApicMode!(mode);
        model.setApicMode!(mode);
        names.push(['no APIC', 'xAPIC', 'x2APIC'][mode]!);
      } else {
        const filter: MsrFilter = filters.next();
        const results = [this.vm.setFilter(filter, 'normal'), model.setFilter(filter, 'normal')];
        if (results[0] !== results[1]) throw new Error(`the ioctl gave ${results[0]}, the model ${results[1]}`);
        names.push(filters.name);
      }
    } while (random.below(4) === 0);
    return names.join(', ');
  }

  private newModel(wishes: readonly Access[]): EngineVm {
    const config = { profile: findProfile(this.kernel.profile)!, base: new BaseTable(this.kernel.rows) };
    const model = this.model.createVm(config);
    const wished = new Map<number, { read: boolean; write: boolean }>();
    const candidates = passthroughCandidates(this.model.capabilities.bitmap!, config.profile);
    for (const { index } of candidates) wished.set(index, { read: false, write: false });
    for (const { index, type } of wishes) {
      const wish = wished.get(index);
      if (wish) wish[type === AccessType.READ ? 'read' : 'write'] = true;
    }
    model.setCandidates!(Array.from(wished, ([index, wish]): MsrPassthrough => ({ index, ...wish })));
    return model;
  }

  private compare(
    model: EngineVm,
    accesses: readonly Access[],
    where: Pick<RouteMismatch, 'session' | 'state' | 'step'>,
  ): void {
    const indices = Uint32Array.from(accesses, ({ index }) => index);
    const types = Uint8Array.from(accesses, ({ type }) => type);
    const routes = new Uint8Array(accesses.length);
    model.access({ indices, types }, new Uint8Array(accesses.length), routes);
    const predicted = [Route.PASSTHROUGH, Route.INTERCEPTED].map((route) =>
      accesses.filter((_, i) => (routes[i] === Route.PASSTHROUGH) === (route === Route.PASSTHROUGH)),
    );
    this.probes += accesses.length;
    this.passed += predicted[0]!.length;
    for (const [which, name] of (['passthrough', 'intercepted'] as const).entries()) {
      for (const access of this.suspects(predicted[which]!, name)) {
        const exits = this.exits([access], ALONE);
        if (exits < PASSES_BELOW !== (name === 'passthrough')) {
          this.mismatches.push({ ...where, ...access, predicted: name, exits });
        }
      }
    }
  }

  /** Those to probe alone: candidates, and the members of groups whose exits are not what is predicted. */
  private suspects(accesses: readonly Access[], name: RouteMismatch['predicted']): Access[] {
    const others = accesses.filter(({ index }) => !this.candidates.has(index));
    return [
      ...accesses.filter(({ index }) => this.candidates.has(index)),
      ...groupsOf(others)
        .filter((group) => !this.asPredicted(group, name))
        .flat(),
    ];
  }

  private asPredicted(group: readonly Access[], name: RouteMismatch['predicted']): boolean {
    const exits = this.exits(group, REPEATS);
    return name === 'passthrough' ? exits < REPEATS : exits >= group.length * REPEATS;
  }

  private passing(accesses: readonly Access[]): Access[] {
    return this.suspects(accesses, 'intercepted').filter((access) => this.exits([access], ALONE) < PASSES_BELOW);
  }

  /** Exits that the accesses took, each repeated, without the one that ends the batch. */
  private exits(accesses: readonly Access[], repeats: number): number {
    const count = accesses.length * repeats;
    const indices = new Uint32Array(count);
    const types = new Uint8Array(count);
    for (let i = 0; i < count; i++) {
      const { index, type } = accesses[i % accesses.length]!;
      indices[i] = index;
      types[i] = type;
    }
    // A vCPU that is made late has no counters before its first access.
    const before = this.vm.stats().get('exits') ?? 0n;
    this.vm.access({ indices, types }, new Uint8Array(count), new Uint8Array(count));
    const after = this.vm.stats().get('exits');
    if (after === undefined) throw new Error('the kernel has no "exits" counter: Linux 5.14 or newer is needed');
    return Number(after - before) - 1;
  }

  /** Not what changes the state that is looked at, nor what the kernel answers now so, now otherwise. */
  private probeable(index: number): Access[] {
    return [AccessType.READ, AccessType.WRITE].flatMap((type) =>
      this.unsteady.has(index * 2 + type) || (index === MSR_IA32_APIC_BASE && type === AccessType.WRITE)
        ? []
        : [{ index, type }],
    );
  }
}

function groupsOf(accesses: readonly Access[]): Access[][] {
  const groups: Access[][] = [];
  for (let at = 0; at < accesses.length; at += GROUP) groups.push(accesses.slice(at, at + GROUP));
  return groups;
}
