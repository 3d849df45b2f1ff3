/** Engines in processes of their own, for tests. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { VmConfig } from '../../src/engines/contract.ts';
import { type RemoteEngine, startRemote } from '../../src/engines/remote/remote-engine.ts';
import { countAccesses, type Runner } from '../../src/engines/runner.ts';
import { CaseGenerator, copyScenario } from '../../src/fuzz/case.ts';
import { caseChoices } from '../../src/fuzz/shard.ts';
import { catalogueBase } from '../../src/model/catalogue.ts';
import { NEWEST_PROFILE } from '../../src/model/profile.ts';
import type { Scenario } from '../../src/model/scenario.ts';
import { atEnd } from '../at-end.ts';

export const ROOT = new URL('../..', import.meta.url).pathname;
export const CONFIG: VmConfig = { profile: NEWEST_PROFILE, base: catalogueBase() };

/** A folder that goes with the test file. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'msrdiff-remote-'));
  atEnd(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Path of the C example, or undefined where there is no C compiler. */
export function compileExample(folder: string): string | undefined {
  const program = join(folder, 'protocol-engine');
  const source = join(ROOT, 'examples/protocol-engine.c');
  const flags = ['-Wall', '-Wextra', '-Werror', '-O2'];
  const { error, status, stderr } = spawnSync('cc', [...flags, '-o', program, source], { encoding: 'utf8' });
  if (error) return undefined;
  if (status !== 0) throw new Error(stderr);
  return program;
}

/** The command of test/remote/faulty-engine.mjs. */
export function faultyCommand(...args: string[]): string {
  return ['exec', process.execPath, join(ROOT, 'test/remote/faulty-engine.mjs'), ...args].join(' ');
}

/** Starts a command; it is closed after the test file at the latest. */
export function start(command: string, timeoutMs = 10_000): RemoteEngine {
  const launch = { argv: ['sh', '-c', command], transport: 'stdio', startMs: 10_000 } as const;
  const engine = startRemote({ label: 'engine', launch, timeoutMs });
  atEnd(() => engine.close());
  return engine;
}

/** Cases of a campaign. */
export function generated(seed: number, cases: number, accesses: number): Scenario[] {
  const generator = new CaseGenerator(CONFIG.profile, accesses);
  return Array.from({ length: cases }, (_, n) => copyScenario(generator.generate(caseChoices(BigInt(seed), n))));
}

/** Everything that a run says of an engine. */
export function resultOf(runner: Runner, scenario: Scenario): unknown {
  const accesses = countAccesses(scenario);
  const { codes, verdicts, comparableEvents, comparableAccesses, incomparable, failure } = runner.run(
    scenario,
    accesses,
  );
  return {
    codes: [...codes.subarray(0, comparableEvents)],
    verdicts: Buffer.from(verdicts.subarray(0, comparableAccesses)).toString('hex'),
    incomparable,
    failure,
  };
}

/** Ids of the processes that run and have the text among their arguments. */
export function processesWith(text: string): number[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) return [];
    try {
      if (!readFileSync(`/proc/${name}/cmdline`, 'utf8').includes(text)) return [];
      // A zombie has no arguments, but may become one in between.
      return /^State:\s+Z/m.test(readFileSync(`/proc/${name}/status`, 'utf8')) ? [] : [Number(name)];
    } catch {
      return [];
    }
  });
}

/** Waits until there is none, or 5 seconds. */
export async function goneProcesses(text: string): Promise<number[]> {
  for (let n = 0; n < 50 && processesWith(text).length > 0; n++)
    await new Promise((resolve) => setTimeout(resolve, 100));
  return processesWith(text);
}
