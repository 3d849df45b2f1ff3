/** Conformance: recorded ground truth run through an engine, every answer compared with the kernel's. */
import type { Engine } from '../engines/contract.ts';
import { countAccesses, NOT_APPLICABLE, Runner, type Trace } from '../engines/runner.ts';
import { InputError } from '../model/input-error.ts';
import { type KernelProfile, profileOfRelease } from '../model/profile.ts';
import { ROUTE_NAMES } from '../model/verdict.ts';
import { type GroundTruthFile, type RecordedResult, recordedScenario } from './ground-truth.ts';

/** Mismatches that a report lists; the rest is only counted. */
const MISMATCHES_LISTED = 20;

/** One answer that differs from the kernel's. */
export interface Mismatch {
  /** Line of the case in the file, from 1. */
  readonly line: number;
  /** Number of the event in the case, from 0; negative: the recorder's own start (`recordedScenario`). */
  readonly event: number;
  /** Number of the access in the event, from 0; -1 for an ioctl. */
  readonly access: number;
  /** The MSR and direction (`AccessType`) of an access. */
  readonly index?: number;
  readonly type?: number;
  /** `Verdict` of an access; 0 or a negative errno of an ioctl. */
  readonly expected: number;
  readonly got: number;
  /** For an engine that threw or gave no answer: what happened; `expected` and `got` are 0 then. */
  readonly message?: string;
}

/** What one file says about one engine. It conforms if there are no mismatches. */
export interface ConformReport {
  readonly path: string;
  readonly engine: string;
  readonly profile: string;
  readonly cases: number;
  /** Recorded results that the engine was compared on: one per ioctl, one per access. */
  readonly checks: number;
  readonly mismatches: number;
  /** The first of them. */
  readonly listed: readonly Mismatch[];
  /** Recorded results that the engine takes no part in, in all and by reason. */
  readonly skipped: number;
  readonly reasons: Readonly<Record<string, number>>;
  /** Accesses by route, of engines that report routes. */
  readonly routes?: Readonly<Record<(typeof ROUTE_NAMES)[number], number>>;
}

/**
 * Runs every case of a recording in a VM of its own.
 *
 * @param profile default: the one of the recorded kernel
 * @throws InputError if the kernel's release names no profile and none is given
 */
export function conformFile(file: GroundTruthFile, engine: Engine, profile?: KernelProfile): ConformReport {
  const rules = profile ?? profileOfRelease(file.kernel);
  if (!rules) throw new InputError(`${file.path}:1: kernel: no profile for ${file.kernel}; name one with --profile`);
  const runner = new Runner(engine, { profile: rules, base: file.base });
  const tally = new Tally();
  for (const recorded of file.cases) {
    const { scenario, expected } = recordedScenario(file, recorded);
    const trace = runner.run(scenario, countAccesses(scenario));
    tally.line = recorded.line;
    tally.prepended = expected.length - recorded.expected.length;
    let at = 0;
    for (const [event, result] of expected.entries()) {
      const content = scenario.events[event]!;
      if (content.kind === 'access') {
        tally.accesses(trace, event, at, result as Uint8Array, content.batch);
        at += content.batch.indices.length;
      } else tally.code(trace, event, result);
    }
  }
  const { checks, mismatches, listed, skipped, reasons } = tally;
  const report = { path: file.path, engine: engine.name, profile: rules.id, cases: file.cases.length };
  const counts = { checks, mismatches, listed, skipped, reasons: Object.fromEntries(reasons) };
  if (!engine.capabilities.routes) return { ...report, ...counts };
  const [passthrough, intercepted, fastpath] = tally.routes as [number, number, number];
  return { ...report, ...counts, routes: { passthrough, intercepted, fastpath } };
}

class Tally {
  line = 0;
  /** Events that `recordedScenario` put in front of the case's own. */
  prepended = 0;
  checks = 0;
  mismatches = 0;
  skipped = 0;
  readonly listed: Mismatch[] = [];
  readonly reasons = new Map<string, number>();
  readonly routes: number[] = ROUTE_NAMES.map(() => 0);

  code(trace: Trace, event: number, expected: RecordedResult): void {
    if (typeof expected !== 'number') {
      this.noteFailure(trace, event);
      return;
    }
    const got = trace.codes[event]!;
    if (event >= trace.comparableEvents || got === NOT_APPLICABLE) this.skip(trace, event, 1);
    else this.check({ event, access: -1, expected, got });
  }

  accesses(
    trace: Trace,
    event: number,
    at: number,
    expected: Uint8Array,
    { indices, types }: { indices: Uint32Array; types: Uint8Array },
  ): void {
    if (event >= trace.comparableEvents) {
      this.skip(trace, event, expected.length);
      return;
    }
    for (let access = 0; access < expected.length; access++) {
      const [index, type] = [indices[access]!, types[access]!];
      this.check({ event, access, index, type, expected: expected[access]!, got: trace.verdicts[at + access]! });
      const route = trace.routes[at + access]!;
      if (route < this.routes.length) this.routes[route]!++;
    }
  }

  private check(found: Omit<Mismatch, 'line'>): void {
    this.checks++;
    if (found.expected !== found.got) this.mismatch(found);
  }

  /** A result that cannot be compared; one that the engine failed on is a mismatch, the ones after it are not. */
  private skip(trace: Trace, event: number, results: number): void {
    this.noteFailure(trace, event);
    this.skipped += results;
    const { incomparable } = trace;
    this.reasons.set(incomparable, (this.reasons.get(incomparable) ?? 0) + results);
  }

  private noteFailure({ failure }: Trace, event: number): void {
    if (failure?.event !== event) return;
    this.mismatch({ event, access: -1, expected: 0, got: 0, message: failure.message });
  }

  private mismatch(found: Omit<Mismatch, 'line'>): void {
    this.mismatches++;
    if (this.listed.length >= MISMATCHES_LISTED) return;
    this.listed.push({ ...found, line: this.line, event: found.event - this.prepended });
  }
}
