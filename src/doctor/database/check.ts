/** All checks of one database. Nothing in it is changed. */
import { accessSync, constants, readdirSync, statSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import type { Database, Driver } from '../../store/driver.ts';
import { MIGRATIONS } from '../../store/schema.ts';
import { findWriter } from '../../store/writer-lock.ts';
import { type Finding, Findings, few, OR_REPAIR, reason, sizeText } from '../finding.ts';
import { examineCampaigns, reportCampaigns } from './campaigns.ts';
import { reportContents, reportCounts } from './divergences.ts';
import { type Opened, openToExamine } from './open.ts';
import { brokenReferences, examineStructure, reportStructure } from './structure.ts';

/** Written back at 4 MiB, cut off every 256 shards: what is larger has not been, for long (docs/soak.md). */
const LARGE_LOG_BYTES = 64 << 20;

const OTHER_FILE = 'name another file with --database';

/** `asked`: the user has named this file, so that it ought to be there. */
export async function checkDatabase(driver: Driver, path: string, asked: boolean): Promise<Finding[]> {
  const findings = new Findings('database');
  const opened = await openToExamine(driver, path);
  if (opened.kind === 'open') {
    try {
      findings.ok('file', `${path}, ${sizeText(statSync(path).size)}, schema ${MIGRATIONS.length}`);
      // A campaign may be writing: all is to be of one moment.
      await opened.db.exec('BEGIN');
      await checkContent(opened.db, path, findings);
    } catch (error) {
      findings.problem('file', `${path} cannot be examined: ${reason(error)}`, `restore a copy, or ${OTHER_FILE}`);
    } finally {
      await opened.db.close();
    }
  } else reportUnopened(opened, path, asked, findings);
  checkWritable(path, findings);
  checkLeftovers(path, findings);
  return findings.all;
}

function reportUnopened(opened: Exclude<Opened, { kind: 'open' }>, path: string, asked: boolean, to: Findings): void {
  switch (opened.kind) {
    case 'absent':
      if (asked) {
        to.problem('file', `${path} does not exist`, OTHER_FILE);
        return;
      }
      to.ok('file', `${path} does not exist yet: the first campaign makes it`);
      return;
    case 'folder':
      to.problem('file', `${path} is a folder`, OTHER_FILE);
      return;
    case 'empty':
      to.warning('file', `${path} is empty: nothing has been stored`, 'run "msrdiff fuzz", or remove the file');
      return;
    case 'older':
      to.warning(
        'file',
        `${path} has the older schema ${opened.version}`,
        `the next campaign brings it up to date; ${OR_REPAIR}`,
      );
      return;
    case 'damaged':
      to.problem('file', `${path} ${opened.message}`, `restore a copy; or save what can be read: ${OR_REPAIR}`);
      return;
    case 'refused': {
      const [what, advice] = opened.message.split(/: (.*)/s);
      to.problem('file', `${path} ${what}`, advice ?? OTHER_FILE);
      return;
    }
  }
}

async function checkContent(db: Database, path: string, findings: Findings): Promise<void> {
  const structure = await examineStructure(db);
  reportStructure(structure, findings);
  checkLog(path, findings);
  // What does not read is not counted.
  if (structure.damage === 'tables') return;
  await checkWriter(db, findings);
  const broken = await brokenReferences(db);
  if (broken.length === 0) findings.ok('references', 'PRAGMA foreign_key_check finds nothing');
  else findings.problem('references', `rows without their parents: ${few(broken)}`, `drop them: ${OR_REPAIR}`);
  if (structure.damage === 'indexes') return;
  reportCampaigns(await examineCampaigns(db), findings);
  await reportCounts(db, findings);
  await reportContents(db, findings);
}

function checkLog(path: string, findings: Findings): void {
  const bytes = statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  if (bytes < LARGE_LOG_BYTES) {
    findings.ok('log', `${sizeText(bytes)} not yet written back`);
    return;
  }
  findings.warning(
    'log',
    `${sizeText(bytes)} not yet written back: a reader has held it for long`,
    `end readers such as "msrdiff serve"; then ${OR_REPAIR}`,
  );
}

async function checkWriter(db: Database, findings: Findings): Promise<void> {
  const writer = await findWriter(db);
  const running = (await db.all(`SELECT id FROM campaigns WHERE state = 'running' ORDER BY id`)).map(({ id }) =>
    Number(id),
  );
  if (writer?.alive) {
    findings.ok('writer', `is being written by ${writer.name}`);
    return;
  }
  if (writer) {
    const since = new Date(writer.heartbeat).toISOString().slice(0, 19);
    const what = `${writer.name} holds the lock and is gone, last heard of at ${since}`;
    findings.warning('writer', what, `nothing: the next campaign takes it over; ${OR_REPAIR} now`);
  } else findings.ok('writer', 'nobody writes');
  if (running.length === 0) return;
  const what = `called running, and nobody runs them: ${few(running)}`;
  findings.warning('campaigns', what, `continue with "msrdiff fuzz --resume"; or mark them interrupted: ${OR_REPAIR}`);
}

function checkWritable(path: string, findings: Findings): void {
  const absolute = resolve(path);
  for (const place of [absolute, dirname(absolute)]) {
    if (!statSync(place, { throwIfNoEntry: false })) continue;
    try {
      accessSync(place, constants.R_OK | constants.W_OK);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      const why = code === 'EROFS' ? 'is on a read-only disk' : 'may not be written';
      findings.warning(
        'access',
        `${place} ${why} (${code})`,
        `it can be read; to write, chown or chmod it, or ${OTHER_FILE}`,
      );
      return;
    }
  }
  findings.ok('access', 'may be read and written');
}

/** Beside the database: what a repair that was killed left, a log without its database, a journal of another mode. */
export function leftovers(path: string): string[] {
  const absolute = resolve(path);
  const name = basename(absolute);
  let names: string[];
  try {
    names = readdirSync(dirname(absolute));
  } catch {
    return [];
  }
  const orphans = names.includes(name) ? [] : [`${name}-wal`, `${name}-shm`];
  return names.filter(
    (other) =>
      other === `${name}-journal` ||
      orphans.includes(other) ||
      (/^\.\d+\.salvage(?:-wal|-shm|-journal)?$/.test(other.slice(name.length)) && other.startsWith(name)),
  );
}

function checkLeftovers(path: string, findings: Findings): void {
  const left = leftovers(path);
  if (left.length === 0) {
    findings.ok('files beside it', 'nothing is left over');
    return;
  }
  findings.warning(
    'files beside it',
    `left over: ${few(left)}`,
    `of a repair that was ended (.salvage): remove them, ${OR_REPAIR}; a -wal, -shm or -journal belongs to a database that is gone`,
  );
}
