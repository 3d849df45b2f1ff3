/**
 * Which blocks of which sources have run in this thread: V8's precise coverage, by the Chrome DevTools Protocol.
 * Source: https://chromedevtools.github.io/devtools-protocol/tot/Profiler, startPreciseCoverage.
 */
import { type Profiler, Session } from 'node:inspector';

export interface Blocks {
  readonly covered: number;
  readonly all: number;
}

interface Script {
  /** By offset in the compiled file: 1 has run. */
  readonly seen: Uint8Array;
  /** Offsets at which a block starts, as far as V8 has told them. */
  readonly starts: Set<number>;
}

export class BlockCoverage {
  private readonly session = new Session();
  private readonly scripts = new Map<string, Script>();
  private readonly parts: readonly string[];
  private pending: { readonly script: Script; readonly now: Uint8Array }[] = [];

  /** @param parts of the paths of the sources that count */
  constructor(parts: readonly string[]) {
    this.parts = parts;
    this.session.connect();
    this.session.post('Profiler.enable');
    this.session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** Takes what has run since the last time; the number of offsets that had not run before what was committed. */
  take(): number {
    this.pending = [];
    let news = 0;
    for (const { url, functions } of this.read()) {
      if (!this.parts.some((part) => url.includes(part))) continue;
      news += this.mark(url, functions);
    }
    return news;
  }

  /** From now on, what the last `take` has seen is not new. */
  commit(): void {
    for (const { script, now } of this.pending) for (let at = 0; at < now.length; at++) script.seen[at]! |= now[at]!;
  }

  /** Blocks that have run, and all that are known; those in functions that nothing called count as one. */
  blocks(): Blocks {
    let covered = 0;
    let all = 0;
    for (const { seen, starts } of this.scripts.values()) {
      for (const start of starts) {
        all++;
        covered += seen[start]!;
      }
    }
    return { covered, all };
  }

  close(): void {
    this.session.post('Profiler.stopPreciseCoverage');
    this.session.disconnect();
  }

  /** The session answers at once: the inspector runs in this thread. */
  private read(): readonly Profiler.ScriptCoverage[] {
    let result: readonly Profiler.ScriptCoverage[] = [];
    this.session.post('Profiler.takePreciseCoverage', (error, answer) => {
      if (error) throw error;
      result = answer.result;
    });
    return result;
  }

  private mark(url: string, functions: readonly Profiler.FunctionCoverage[]): number {
    let last = 0;
    for (const { ranges } of functions) last = Math.max(last, ranges[0]!.endOffset);
    let script = this.scripts.get(url);
    if (!script || script.seen.length < last) {
      const seen = new Uint8Array(last);
      if (script) seen.set(script.seen);
      script = { seen, starts: script?.starts ?? new Set() };
      this.scripts.set(url, script);
    }
    // Outer ranges come before those inside of them, which have the last word.
    const now = new Uint8Array(last);
    for (const { ranges } of functions) {
      for (const { startOffset, endOffset, count } of ranges) {
        script.starts.add(startOffset);
        now.fill(count > 0 ? 1 : 0, startOffset, endOffset);
      }
    }
    let news = 0;
    for (let at = 0; at < last; at++) {
      if (now[at]! > script.seen[at]!) news++;
    }
    this.pending.push({ script, now });
    return news;
  }
}
