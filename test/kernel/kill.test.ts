/** SIGKILL to a kernel's process at any moment of a campaign: nothing is lost, and nothing is left behind. */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { HEADER_BYTES } from '../../src/engines/remote/protocol.ts';
import { Random } from '../../src/fuzz/random.ts';
import { Exit } from '../../src/model/exit.ts';
import { exited, lastJson, msrdiff, ROOT, scratchFolder } from '../e2e/cli.ts';
import { available, type KernelName } from './kernels.ts';

const folder = scratchFolder();
const MAIN = join(ROOT, 'dist/src/cli/main.js');
/** Kernel engines run in one of these. */
const PROGRAM = /(^|\/)(msrdiff-kvm-[^/]*|qemu-system-x86_64|bochs(-bin)?)$/;
/** Starts in a row that may be killed: a third is not tried again. */
const MAX_STARTS = 2;
/** Far less than the answers with which a base is measured. */
const FIRST_ANSWERS_BYTES = 1024;
/** Of the first kill, in milliseconds. */
const MAX_DELAY_MS = 500;
/** That a process which is settled is left alone, in milliseconds. */
const MAX_SETTLED_MS = 50;

interface Subject {
  readonly name: KernelName;
  readonly workers: number;
  /** Of one campaign. */
  readonly cases: number;
  /** Kills in all, over as many campaigns as that takes. */
  readonly kills: number;
  /** Of one that has surely not said HELLO. */
  readonly isStarting: (life: Life) => boolean;
  /** Of one that surely has, and has run again the case that its predecessor was killed in. */
  readonly isSettled: (life: Life) => boolean;
}

const SUBJECTS: readonly Subject[] = [
  {
    ...{ name: 'kvm', workers: 2, cases: 1024, kills: killsOr(50) },
    // Its first output is the answer to HELLO; a case's answers take some hundred bytes.
    isStarting: ({ written }) => written < HEADER_BYTES,
    isSettled: ({ written }) => written >= 16_384,
  },
  {
    ...{ name: 'kvm-svm@6.1', workers: 1, cases: 320, kills: killsOr(4) },
    isStarting: ({ cpuMs }) => cpuMs < 300,
    isSettled: ({ cpuMs }) => cpuMs >= 8_000,
  },
  {
    ...{ name: 'kvm-vmx@6.1', workers: 1, cases: 192, kills: killsOr(2) },
    isStarting: ({ cpuMs }) => cpuMs < 1_000,
    isSettled: ({ cpuMs }) => cpuMs >= 25_000,
  },
];

function killsOr(number: number): number {
  return Number(process.env.MSRDIFF_KILLS ?? number);
}

/** How far a process has come, by measures of its own work: a busy machine makes nothing look older than it is. */
interface Life {
  /** `T`: stopped; `Z`: ended. */
  readonly state: string;
  /** CPU time, of the user and the system. */
  readonly cpuMs: number;
  /** Bytes, by write(2). */
  readonly written: number;
}

/** A process of an engine, as it is seen from outside. */
interface Sighting {
  readonly pid: number;
  /** Since it was first seen, in milliseconds. */
  readonly age: number;
}

/** Whom to kill now, if anybody. `elapsed`: milliseconds since the first shard was done; less than 0: it is not. */
type Plan = (processes: readonly Sighting[], elapsed: number) => number | undefined;

interface Campaign {
  readonly code: number | null;
  readonly summary: Record<string, unknown>;
  readonly divergences: readonly Divergence[];
  readonly kills: number;
}

interface Divergence {
  readonly id: string;
  readonly kind: string;
  readonly subject: string;
  readonly scenario: string;
  readonly message: string;
  readonly reliability: number;
  readonly cases: number;
}

/** What is the same in every run of the campaign. */
function lasting({ summary, divergences }: Campaign): unknown {
  const { digest, cases, accesses, verdicts, samples, known, kernels, coverage } = summary;
  const others = divergences.filter(({ kind }) => kind !== 'engine-error');
  const found = others.map(({ id, scenario, cases: of }) => ({ id, scenario, of }));
  return { digest, cases, accesses, verdicts, samples, known, kernels, coverage, found };
}

/** The processes, of those that are yet to come, that have a text in their environment. */
class Census {
  private readonly text: string;
  private readonly others: ReadonlySet<string> = new Set(readdirSync('/proc'));

  constructor(text: string) {
    this.text = text;
  }

  /** Programs of those that run, by process id. */
  take(): Map<number, string> {
    const programs = new Map<number, string>();
    for (const pid of readdirSync('/proc')) {
      if (!/^\d+$/.test(pid) || this.others.has(pid)) continue;
      try {
        // Both are empty of one that has ended.
        const environment = readFileSync(`/proc/${pid}/environ`, 'latin1');
        const program = readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0')[0]!;
        if (environment.includes(this.text) && program !== '') programs.set(Number(pid), program);
      } catch {
        // It has gone, or is another user's.
      }
    }
    return programs;
  }

  /** Programs of those that still run 10 seconds later. */
  async left(): Promise<string[]> {
    for (let n = 0; n < 100 && this.take().size > 0; n++) await sleep(100);
    return [...this.take().values()];
  }
}

/** proc_pid_stat(5), proc_pid_io(5); undefined: it has gone. */
function lifeOf(pid: number): Life | undefined {
  try {
    const written = Number(/^wchar: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'latin1'))?.[1]);
    // After the name, which may hold anything: state, ..., utime and stime as the 12th and 13th, in ticks of 10 ms.
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)!.split(' ');
    return { state: fields[0]!, written, cpuMs: (Number(fields[11]) + Number(fields[12])) * 10 };
  } catch {
    return undefined;
  }
}

/** Runs the campaign, killing as planned, and checks that nothing of it is left: processes, files. */
async function campaign(
  { name, cases, workers }: Pick<Subject, 'name' | 'cases' | 'workers'>,
  plan: Plan,
): Promise<Campaign> {
  const own = mkdtempSync(join(folder, 'run-'));
  const [temporary, database] = [join(own, 'tmp'), join(own, 'results.db')];
  mkdirSync(temporary);
  const args = [
    ...['fuzz', '--engines', `reference,interval,${name}`, '--sample', '1', '--accesses', '256', '--seed', '17'],
    ...['--cases', String(cases), '--workers', String(workers), '--database', database, '--json'],
  ];
  const census = new Census(temporary);
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd: ROOT,
    env: { ...process.env, TMPDIR: temporary },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [begin, over, most] = [Number.POSITIVE_INFINITY, false, 0];
  const killed = new Set<number>();
  child.stderr.once('data', () => {
    begin = performance.now();
  });
  const end = exited(child).finally(() => {
    over = true;
  });
  const firstSeen = new Map<number, number>();
  while (!over) {
    const now = performance.now();
    const processes = [...census.take()].flatMap(([pid, program]): Sighting[] => {
      if (!PROGRAM.test(program) || killed.has(pid)) return [];
      if (!firstSeen.has(pid)) firstSeen.set(pid, now);
      return [{ pid, age: now - firstSeen.get(pid)! }];
    });
    most = Math.max(most, processes.length);
    const victim = plan(processes, now - begin);
    if (victim !== undefined && signalled(victim, 'SIGKILL')) killed.add(victim);
    await sleep(1);
  }
  const outcome = await end;
  // Progress is all that it has to tell.
  expect(outcome.stderr.split('\n').filter((line) => !/^$| cases\/s /.test(line))).toEqual([]);
  const left = await census.left();
  expect({ most, left, files: readdirSync(temporary) }).toEqual({ most: workers, left: [], files: [] });
  const { stdout } = msrdiff('list', '--json', '--database', database);
  return { code: outcome.code, summary: lastJson(outcome), divergences: JSON.parse(stdout), kills: killed.size };
}

/**
 * Kills at random moments: while it runs, and while it starts. A process is never killed in the case that its
 * predecessor was killed in, which would be a failure of that case, nor at three starts in a row.
 */
function randomly({ isStarting, isSettled }: Subject, wanted: number, random: Random): Plan {
  let [kills, starts] = [0, 0];
  let [atStart, notBefore] = [false, random.below(MAX_DELAY_MS)];
  return (processes, elapsed) => {
    if (elapsed < notBefore || kills >= wanted) return undefined;
    const lives = processes.map(({ pid }) => ({ pid, life: lifeOf(pid) }));
    const starting = atStart ? lives.find(({ life }) => life && isStarting(life)) : undefined;
    // Nothing has been killed before the first one.
    const settled = lives.every(({ life }) => life && (kills === 0 || isSettled(life)))
      ? lives[random.below(lives.length)]
      : undefined;
    const victim = starting ?? settled;
    if (!victim) return undefined;
    kills++;
    starts = isStarting(victim.life!) ? starts + 1 : 0;
    // The first replacement is killed at its start in any case.
    atStart = kills === 1 || (starts < MAX_STARTS && random.below(2) === 0);
    if (!starting) notBefore = elapsed + (atStart ? 0 : random.below(MAX_SETTLED_MS));
    return victim.pid;
  };
}

/** Kills once: the first process that is seen before it has said HELLO. It is stopped to be looked at. */
function atStart(): Plan {
  let done = false;
  return (processes) => {
    for (const { pid } of done ? [] : processes) {
      if (!signalled(pid, 'SIGSTOP')) continue;
      let life = lifeOf(pid);
      while (life && life.state !== 'T' && life.state !== 'Z') life = lifeOf(pid);
      if (life?.state === 'T' && life.written < HEADER_BYTES) {
        done = true;
        return pid;
      }
      signalled(pid, 'SIGCONT');
    }
    return undefined;
  };
}

/** Kills once: the first process that has given some answers, of which measuring the base takes far more. */
function whileMeasured(): Plan {
  let done = false;
  return (processes) => {
    const victim = done ? undefined : processes.find(({ pid }) => (lifeOf(pid)?.written ?? 0) >= FIRST_ANSWERS_BYTES);
    done ||= victim !== undefined;
    return victim?.pid;
  };
}

/** False if it has gone. */
function signalled(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

const UNDISTURBED: Plan = () => undefined;

describe.each(SUBJECTS.filter(({ name }) => available(name)))('$name', (subject) => {
  test('killed at random moments', { timeout: 300_000 }, async () => {
    const random = new Random(1);
    const undisturbed = await campaign(subject, UNDISTURBED);
    expect(undisturbed.divergences.filter(({ kind }) => kind === 'engine-error')).toEqual([]);
    let kills = 0;
    while (kills < subject.kills) {
      const disturbed = await campaign(subject, randomly(subject, subject.kills - kills, random));
      expect(disturbed.kills).toBeGreaterThan(0);
      expect(lasting(disturbed)).toEqual(lasting(undisturbed));
      expectIncidents(subject.name, disturbed);
      kills += disturbed.kills;
    }
  });
});

/** A death that is mended is told all the same. */
function expectIncidents(name: string, { code, divergences, kills }: Campaign): void {
  const incidents = divergences.filter(({ kind }) => kind === 'engine-error');
  expect(incidents.length).toBeGreaterThan(0);
  for (const incident of incidents) {
    expect(incident).toMatchObject({ subject: name, reliability: 0 });
    expect(incident.message).toMatch(
      /^the process was ended by SIGKILL.*\(not again when the case was run once more\)$/,
    );
  }
  const cases = incidents.reduce((sum, incident) => sum + incident.cases, 0);
  expect(cases).toBeLessThanOrEqual(kills);
  expect(code).toBe(Exit.DIVERGED);
}

describe.runIf(available('kvm'))('kvm, killed once', () => {
  const subject = { name: 'kvm', cases: 64, workers: 1 } as const;
  let undisturbed: Campaign;
  beforeAll(async () => {
    undisturbed = await campaign(subject, UNDISTURBED);
  });

  test('at its first start: it is started again', async () => {
    // It may be seen too late every time.
    let disturbed = await campaign(subject, atStart());
    for (let n = 0; n < 20 && disturbed.kills === 0; n++) disturbed = await campaign(subject, atStart());
    expect(lasting(disturbed)).toEqual(lasting(undisturbed));
    expect(disturbed).toMatchObject({ code: Exit.OK, divergences: [], kills: 1 });
  });

  // A stop is a signal like any other: calls that it interrupts are made again.
  test('not at all, but stopped all the time: nothing is to be seen of it', async () => {
    let stops = 0;
    const disturbed = await campaign(subject, (processes) => {
      for (const { pid } of processes) {
        for (let n = 0; n < 100 && signalled(pid, 'SIGSTOP'); n++) {
          stops++;
          signalled(pid, 'SIGCONT');
        }
      }
      return undefined;
    });
    expect(stops).toBeGreaterThan(200);
    expect(lasting(disturbed)).toEqual(lasting(undisturbed));
    expect(disturbed).toMatchObject({ code: Exit.OK, divergences: [], kills: 0 });
  });

  test('while its base is measured: it is measured again', async () => {
    const disturbed = await campaign(subject, whileMeasured());
    expect(lasting(disturbed)).toEqual(lasting(undisturbed));
    expectIncidents('kvm', disturbed);
  });
});
