/** An engine that runs in a process of its own and speaks the engine protocol: docs/engine-protocol.md. */
import type { BaseTable } from '../../model/base.ts';
import type { Engine, EngineCapabilities, Incident, KernelUnderTest, VmConfig } from '../contract.ts';
import { EngineUnavailable } from '../engine-unavailable.ts';
import { kernelUnderTest } from '../kernel/kernel-under-test.ts';
import type { Hello } from './answers.ts';
import { FrameWriter } from './frames.ts';
import { RemoteCase } from './remote-case.ts';
import { RemoteVm } from './remote-vm.ts';
import { encodeConfig } from './requests.ts';
import { Session } from './session.ts';
import type { Launch } from './transport.ts';

export interface RemoteOptions {
  /** Default: the name in HELLO. */
  readonly name?: string;
  /** What messages about its start call the engine; default: its command line. */
  readonly label?: string;
  readonly launch: Launch;
  /** How long each answer is waited for, in milliseconds. */
  readonly timeoutMs: number;
  /** Called several times a second while one is. */
  readonly onWait?: () => void;
  /** In which guests are made: 0 long (default), 1 protected, 2 real. Only kernels care. */
  readonly guestMode?: number;
}

export class RemoteEngine implements Engine {
  readonly name: string;
  readonly capabilities: EngineCapabilities;
  /** What the process says of itself. */
  readonly hello: Hello;
  readonly kernel: KernelUnderTest | undefined;
  private readonly session: Session;
  private readonly label: string;
  private readonly guestMode: number;
  /** CONFIG frames that the engine has accepted, by profile. */
  private readonly known = new Map<string, Uint8Array[]>();
  private readonly byBase = new WeakMap<BaseTable, Map<string, Uint8Array>>();

  constructor({ name, label, launch, timeoutMs, onWait = () => {}, guestMode = 0 }: RemoteOptions) {
    this.label = label ?? launch.argv.join(' ');
    this.session = new Session({ label: this.label, launch, timeoutMs, onWait });
    const { hello } = this.session;
    this.hello = hello;
    this.name = name ?? hello.name;
    this.capabilities = { events: hello.events, forms: hello.forms, routes: hello.routes };
    this.guestMode = guestMode;
    this.kernel = hello.kernel ? kernelUnderTest(this, hello.description, hello.vendor) : undefined;
  }

  /** Throws EngineUnavailable if the engine does not take the configuration. */
  createVm(config: VmConfig): RemoteVm {
    return new RemoteVm(this.session, this.configure(config), this.guestMode);
  }

  takeIncidents(): Incident[] {
    return this.session.takeIncidents();
  }

  close(): void {
    this.session.close();
  }

  /** The CONFIG frame: one object for one content. */
  private configure({ profile, base }: VmConfig): Uint8Array {
    let frames = this.byBase.get(base);
    if (!frames) {
      frames = new Map();
      this.byBase.set(base, frames);
    }
    let frame = frames.get(profile.id);
    if (!frame) {
      frame = this.accepted(profile.id, base);
      frames.set(profile.id, frame);
    }
    return frame;
  }

  private accepted(profile: string, base: BaseTable): Uint8Array {
    const writer = new FrameWriter();
    encodeConfig(writer, profile, base);
    const frame = writer.take();
    const known = this.known.get(profile) ?? [];
    const same = known.find((other) => Buffer.compare(other, frame) === 0);
    if (same) return same;
    const trial = new RemoteCase(undefined);
    trial.add(frame, []);
    this.session.submit(trial);
    try {
      this.session.ask(trial, 0);
    } catch (error) {
      throw new EngineUnavailable(`${this.label}, profile ${profile}: ${(error as Error).message}`);
    }
    this.known.set(profile, [...known, frame]);
    return frame;
  }
}

/**
 * Starts the process and waits for its HELLO. Throws EngineUnavailable, with one line that says what is wrong. The
 * engine is to be closed; a process that nobody has closed ends with msrdiff.
 */
export function startRemote(options: RemoteOptions): RemoteEngine {
  return new RemoteEngine(options);
}
