/** A VM in an engine's process. Any number of them may be in use; they share the process by turns. */
import type { MsrFilter } from '../../model/filter.ts';
import type {
  AccessBatch,
  ApicMode,
  CapEvent,
  FilterDelivery,
  MsrPassthrough,
  Scenario,
  ScenarioEvent,
} from '../../model/scenario.ts';
import type { Completion } from '../../model/verdict.ts';
import type { KernelVm, KernelVmOptions } from '../kernel/kernel-vm.ts';
import {
  decodeAccess,
  decodeErrno,
  decodeRace,
  decodeReply,
  decodeRun,
  decodeStats,
  type ProgramResult,
  type RaceAnswer,
} from './answers.ts';
import { FrameWriter } from './frames.ts';
import { Request, requestName } from './protocol.ts';
import { RemoteCase } from './remote-case.ts';
import * as requests from './requests.ts';
import type { Session } from './session.ts';

/** Bits of RESET's options. */
const VmOption = { CSTATES: 1, INTEL_CPUID: 2, LATE_VCPU: 4 } as const;

const writer = new FrameWriter();

export class RemoteVm implements KernelVm {
  private readonly session: Session;
  /** The CONFIG frame. */
  private readonly configuration: Uint8Array;
  private readonly guestMode: number;
  /** What has been asked since the last reset; undefined: a new VM, which has not been made. */
  private current: RemoteCase | undefined;
  /** Number of the question that the next method call is about: one that was announced, or the next to add. */
  private next = 0;

  constructor(session: Session, configuration: Uint8Array, guestMode: number) {
    this.session = session;
    this.configuration = configuration;
    this.guestMode = guestMode;
  }

  reset(): void {
    this.remake({ irqchip: this.session.hello.events.includes('apic') });
  }

  remake(options: KernelVmOptions): void {
    this.encodeReset(options);
    this.announce([]);
    this.session.ask(this.current!, 0);
  }

  begin({ events }: Scenario): void {
    this.encodeReset({ irqchip: events.some(({ kind }) => kind === 'apic') });
    const accesses: number[] = [];
    for (const event of events) {
      encodeEvent(event);
      if (event.kind === 'access' && event.batch.indices.length > 0) accesses.push(event.batch.indices.length);
    }
    this.announce(accesses);
  }

  setFilter(filter: MsrFilter, delivery: FilterDelivery): number {
    const answer = this.ask(Request.FILTER, () => requests.encodeFilter(writer, filter, delivery));
    return decodeErrno(answer, Request.FILTER);
  }

  enableCap(event: CapEvent): number {
    return decodeErrno(
      this.ask(Request.CAP, () => requests.encodeCap(writer, event)),
      Request.CAP,
    );
  }

  setIgnoreMsrs(on: boolean): void {
    this.ask(Request.IGNORE_MSRS, () => requests.encodeIgnoreMsrs(writer, on));
  }

  setApicMode(mode: ApicMode): void {
    this.ask(Request.APIC, () => requests.encodeApic(writer, mode));
  }

  setCandidates(changes: readonly MsrPassthrough[]): void {
    this.ask(Request.CANDIDATES, () => requests.encodeCandidates(writer, changes));
  }

  access(batch: AccessBatch, verdicts: Uint8Array, routes: Uint8Array): void {
    const { length } = batch.indices;
    if (length === 0) return;
    const payload = this.ask(Request.ACCESS, () => requests.encodeAccess(writer, batch), length);
    const answer = decodeAccess(payload, length, this.session.hello.routes);
    verdicts.set(answer.verdicts);
    routes.set(answer.routes);
  }

  reply(error: number, data: bigint): Completion {
    return decodeReply(this.ask(Request.REPLY, () => requests.encodeReply(writer, error, data)));
  }

  /** Counters of the vCPU, by name; only differences mean anything. */
  stats(): Map<string, bigint> {
    if (!this.session.hello.stats) throw new Error('the engine does not answer STATS');
    return decodeStats(this.ask(Request.STATS, () => requests.encodeStats(writer)));
  }

  race(indices: Uint32Array, types: Uint8Array, filters: readonly [MsrFilter, MsrFilter], rounds: number): RaceAnswer {
    if (!this.session.hello.race) throw new Error('the engine does not answer RACE');
    const encode = (): void => requests.encodeRace(writer, indices, types, filters, rounds);
    return decodeRace(this.ask(Request.RACE, encode, indices.length), indices.length);
  }

  /** Runs a static executable on the kernel's machine. */
  run(executable: Uint8Array): ProgramResult {
    if (!this.session.hello.run) throw new Error('the engine does not answer RUN');
    return decodeRun(this.ask(Request.RUN, () => requests.encodeRun(writer, executable)));
  }

  /** Sends RESET and what has been encoded after it. */
  private announce(accesses: readonly number[]): void {
    this.current = new RemoteCase(this.configuration);
    this.current.add(writer.take(), accesses);
    this.next = 1;
    this.session.submit(this.current);
  }

  private encodeReset({ irqchip, cstates, intelCpuid, lateVcpu }: KernelVmOptions): void {
    // An encoding that failed may have left something behind.
    writer.take();
    const options =
      (cstates ? VmOption.CSTATES : 0) | (intelCpuid ? VmOption.INTEL_CPUID : 0) | (lateVcpu ? VmOption.LATE_VCPU : 0);
    requests.encodeReset(writer, { mode: this.guestMode, irqchip: irqchip === true, options });
  }

  /** The answer to the request, which is sent now unless it was announced. */
  private ask(type: Request, encode: () => void, accesses = 0): Uint8Array {
    if (!this.current) this.reset();
    const current = this.current!;
    if (this.next === current.questions.length) {
      writer.take();
      encode();
      current.add(writer.take(), [accesses]);
      this.session.submit(current);
    }
    const announced = current.questions[this.next]!.type;
    if (announced !== type) {
      throw new Error(`${requestName(type)} is asked for where ${requestName(announced)} was announced`);
    }
    return this.session.ask(current, this.next++);
  }
}

/** An empty batch changes nothing and is not sent. */
function encodeEvent(event: ScenarioEvent): void {
  switch (event.kind) {
    case 'filter':
      requests.encodeFilter(writer, event.filter, event.delivery ?? 'normal');
      return;
    case 'cap':
      requests.encodeCap(writer, event);
      return;
    case 'ignoreMsrs':
      requests.encodeIgnoreMsrs(writer, event.on);
      return;
    case 'apic':
      requests.encodeApic(writer, event.mode);
      return;
    case 'candidates':
      requests.encodeCandidates(writer, event.changes);
      return;
    case 'access':
      if (event.batch.indices.length > 0) requests.encodeAccess(writer, event.batch);
      return;
    case 'reply':
      requests.encodeReply(writer, event.error, event.data);
      return;
    case 'nested':
      throw new Error('the protocol has no nested events');
  }
}
