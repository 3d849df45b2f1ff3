/** Node, the machine, the SQLite library, worker threads, the folder of temporary files, limits of the process. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, freemem, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_ENGINES, DEFAULT_TIMEOUT_MS, engineSpecs } from '../engines/registry.ts';
import { ACCESSES_PER_CASE } from '../fuzz/case.ts';
import { WorkerPool } from '../fuzz/pool.ts';
import { DEFAULT_SAMPLE } from '../fuzz/sample.ts';
import { NEWEST_PROFILE } from '../model/profile.ts';
import { loadDriver } from '../store/driver.ts';
import { counted, type Finding, Findings, reason, sizeText } from './finding.ts';

const LEAST_NODE = [20, 11] as const;
/** `ON CONFLICT DO UPDATE` without a target (docs/decisions/0001-sqlite-drivers.md). */
const LEAST_SQLITE = [3, 35] as const;
/** A campaign of the default engines: what it takes by itself and for each worker (docs/soak.md), rounded up. */
const BASE_BYTES = 192 << 20;
const WORKER_BYTES = 32 << 20;
/** A campaign has about 30 handles open (docs/soak.md), an engine in a process of its own about 10 for each worker. */
const BASE_HANDLES = 64;
const WORKER_HANDLES = 16;

/** Whether a version such as "20.11.1" is the one given, or newer. */
export function isAtLeast(version: string, [major, minor]: readonly [number, number]): boolean {
  const [a = 0, b = 0] = version.split('.').map(Number);
  return a > major || (a === major && b >= minor);
}

/** Soft limit of open files, from the text of /proc/PID/limits (proc(5)); Infinity if there is none. */
export function handleLimit(limits: string): number {
  const soft = /^Max open files\s+(\S+)/m.exec(limits)?.[1];
  return soft === undefined || soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft);
}

export async function checkEnvironment(): Promise<Finding[]> {
  const findings = new Findings('environment');
  checkNode(findings);
  checkMemory(findings);
  await checkDriver(findings);
  await checkWorker(findings);
  checkTemporary(findings);
  checkHandles(findings);
  return findings.all;
}

function checkNode(findings: Findings): void {
  const { node } = process.versions;
  if (isAtLeast(node, LEAST_NODE)) findings.ok('node', `Node ${node}`);
  else findings.problem('node', `Node ${node} is too old`, `install Node ${LEAST_NODE.join('.')} or newer`);
}

function checkMemory(findings: Findings): void {
  const workers = availableParallelism();
  // Of the container, where there is one; not known, it is 0 or greater than any memory.
  const limit = process.constrainedMemory();
  const bytes = Math.min(freemem(), limit > 0 ? limit : totalmem());
  const needed = BASE_BYTES + workers * WORKER_BYTES;
  const what = `${counted(workers, 'core')}, ${sizeText(bytes)} of memory available`;
  if (bytes >= needed) {
    findings.ok('memory', what);
    return;
  }
  const fitting = Math.max(1, Math.floor((bytes - BASE_BYTES) / WORKER_BYTES));
  findings.warning(
    'memory',
    `${what}; a campaign with ${counted(workers, 'worker')} takes about ${sizeText(needed)}`,
    `end other programs, or use "msrdiff fuzz --workers ${fitting}"`,
  );
}

async function checkDriver(findings: Findings): Promise<void> {
  try {
    const driver = await loadDriver();
    const db = await driver.open(':memory:', { readOnly: false });
    const version = String((await db.all('SELECT sqlite_version() AS version'))[0]!.version);
    await db.close();
    const what = `SQLite ${version} by ${driver.name === 'node' ? 'node:sqlite' : driver.name}`;
    if (isAtLeast(version, LEAST_SQLITE)) findings.ok('sqlite', what);
    else findings.problem('sqlite', `${what} is too old`, 'run "npm install sqlite3", or use Node 22.13 or newer');
  } catch (error) {
    const [what, advice] = reason(error).split(/: (.*)/s);
    findings.problem('sqlite', what!, advice ?? 'run "npm install sqlite3", or use Node 22.13 or newer');
  }
}

/** A thread as a campaign has them: it loads the default engines and says which they are. */
async function checkWorker(findings: Findings): Promise<void> {
  const config = {
    ...{ seed: '0', profile: NEWEST_PROFILE.id, engines: engineSpecs(DEFAULT_ENGINES, []), ledger: [] },
    ...{ day: '', accessesPerCase: ACCESSES_PER_CASE, sample: DEFAULT_SAMPLE, kernels: {} },
  };
  const pool = new WorkerPool(config, 1, DEFAULT_TIMEOUT_MS);
  try {
    const { names } = await pool.load();
    if (names.join() !== DEFAULT_ENGINES.join()) throw new Error(`it has loaded ${names.join(', ') || 'no engines'}`);
    findings.ok('workers', 'a worker thread starts and answers');
  } catch (error) {
    findings.problem('workers', `a worker thread does not answer: ${reason(error)}`, 'install msrdiff again');
  } finally {
    await pool.close();
  }
}

function checkTemporary(findings: Findings): void {
  try {
    const folder = mkdtempSync(join(tmpdir(), 'msrdiff-doctor-'));
    try {
      writeFileSync(join(folder, 'file'), 'x');
    } finally {
      rmSync(folder, { recursive: true });
    }
    findings.ok('temporary files', `${tmpdir()} is writable`);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    findings.problem('temporary files', `${tmpdir()} is not writable (${code})`, 'name a folder that is in TMPDIR');
  }
}

function checkHandles(findings: Findings): void {
  let limit: number;
  try {
    limit = handleLimit(readFileSync('/proc/self/limits', 'utf8'));
  } catch {
    findings.ok('file handles', 'the limit is not told on this system');
    return;
  }
  const needed = BASE_HANDLES + availableParallelism() * WORKER_HANDLES;
  if (limit >= needed) findings.ok('file handles', `at most ${limit}`);
  else findings.warning('file handles', `at most ${limit}, a campaign may need ${needed}`, `run "ulimit -n ${needed}"`);
}
