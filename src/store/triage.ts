/** What people say of divergences: status, notes, history. Everything here runs within a transaction of the caller. */
import { STATUSES, type Status } from '../model/status.ts';
import type { Database } from './driver.ts';
import { RowReader } from './row.ts';

/** A change of status, a note, or both. */
export interface StatusChange {
  /** Left out: a note alone. */
  readonly status?: Status | undefined;
  readonly note: string;
  readonly author: string;
}

export interface HistoryEntry {
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly author: string;
  /** Null: a note alone. */
  readonly status: Status | null;
  readonly note: string;
}

/** Who speaks where no person does. */
export const MSRDIFF = 'msrdiff';

/** Records the change in the divergence and in its history. `id` exists. */
export async function changeStatus(db: Database, id: string, { status, note, author }: StatusChange): Promise<void> {
  const now = new Date().toISOString();
  await db.run('INSERT INTO history (divergence_id, at, author, status, note) VALUES (?, ?, ?, ?, ?)', [
    ...[id, now, author, status ?? null, note],
  ]);
  if (status === undefined) return;
  await db.run('UPDATE divergences SET status = ?, fixed_at = ? WHERE id = ?', [
    ...[status, status === 'fixed' ? now : null, id],
  ]);
}

/** A fixed divergence has come back: it is new again. */
export async function reopen(db: Database, id: string, note: string): Promise<void> {
  await db.run('UPDATE divergences SET reopened = reopened + 1 WHERE id = ?', [id]);
  await changeStatus(db, id, { status: 'new', note, author: MSRDIFF });
}

/**
 * Reopens the divergence if it is fixed, and was so before the campaign's present run was started: an engine that had
 * been loaded before the fix says nothing about it. True if it did.
 */
export async function reopenIfFixed(db: Database, id: string, campaign: number): Promise<boolean> {
  const [row] = await db.all(
    `SELECT 1 AS one FROM divergences d, campaigns c
     WHERE d.id = ? AND c.id = ? AND d.status = 'fixed' AND d.fixed_at <= c.started_at`,
    [id, campaign],
  );
  if (!row) return false;
  await reopen(db, id, `found again by campaign ${campaign}`);
  return true;
}

/** Oldest first. */
export async function selectHistory(db: Database, id: string): Promise<HistoryEntry[]> {
  const rows = await db.all('SELECT * FROM history WHERE divergence_id = ? ORDER BY id', [id]);
  return rows.map((row) => {
    const read = new RowReader(row, `history of divergence ${id}`);
    return {
      at: read.text('at'),
      author: read.text('author'),
      status: read.orNull('status', (column) => read.word(column, STATUSES)),
      note: read.text('note'),
    };
  });
}
