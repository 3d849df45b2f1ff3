/** Whether a database is whole as SQLite sees it: its trees, its indexes, its references. */
import type { Database } from '../../store/driver.ts';
import { type Findings, few, OR_REPAIR, reason } from '../finding.ts';

/** Messages of integrity_check that are asked for: one is enough to know, some help to see where. */
const MOST_MESSAGES = 20;

/** `whole`: nothing to complain of; `indexes`: all rows can be read in their tables; `tables`: some cannot. */
export type Damage = 'whole' | 'indexes' | 'tables';

export interface Structure {
  readonly damage: Damage;
  /** What SQLite says. */
  readonly messages: readonly string[];
}

export async function examineStructure(db: Database): Promise<Structure> {
  const messages = await complaints(db);
  if (messages.length === 0) return { damage: 'whole', messages };
  return { damage: (await allReadable(db)) ? 'indexes' : 'tables', messages };
}

async function complaints(db: Database): Promise<string[]> {
  try {
    const rows = await db.all(`PRAGMA integrity_check(${MOST_MESSAGES})`);
    const lines = rows.flatMap((row) => String(Object.values(row)[0]).split('\n'));
    return lines.filter((line) => line !== 'ok' && !line.startsWith('***'));
  } catch (error) {
    return [reason(error)];
  }
}

export async function tableNames(db: Database): Promise<string[]> {
  const rows = await db.all(`SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`);
  return rows.map(({ name }) => String(name));
}

export async function columnNames(db: Database, table: string): Promise<string[]> {
  return (await db.all(`PRAGMA table_info("${table}")`)).map(({ name }) => String(name));
}

/** Reads every value where it is kept, without the help of indexes. */
async function allReadable(db: Database): Promise<boolean> {
  try {
    for (const table of await tableNames(db)) {
      const lengths = (await columnNames(db, table)).map((column) => `total(length("${column}"))`);
      await db.all(`SELECT count(*), ${lengths} FROM "${table}" NOT INDEXED`);
    }
    return true;
  } catch {
    return false;
  }
}

export function reportStructure({ damage, messages }: Structure, findings: Findings): void {
  if (damage === 'whole') {
    findings.ok('structure', 'PRAGMA integrity_check finds nothing');
    return;
  }
  const what = damage === 'indexes' ? 'indexes are damaged, all rows can be read' : 'rows are damaged';
  const advice =
    damage === 'indexes'
      ? `rebuild the indexes: ${OR_REPAIR}`
      : `restore a copy; or save all rows that can be read: ${OR_REPAIR}`;
  findings.problem('structure', `${what}: ${few(messages)}`, advice);
}

/** Rows whose parents are not there, as `TABLE without PARENT`. */
export async function brokenReferences(db: Database): Promise<string[]> {
  const rows = await db.all('PRAGMA foreign_key_check');
  const counts = new Map<string, number>();
  for (const { table, parent } of rows) {
    const name = `${table} without ${parent}`;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].map(([name, count]) => `${count} ${name}`);
}
