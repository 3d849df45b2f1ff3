/** Databases as campaigns leave them, and ways to damage them. */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { chainDigest, type FoldedShard } from '../../fuzz/campaign.ts';
import type { Database, Driver } from '../../store/driver.ts';
import { COVERAGE, divergence } from '../../store/store.fixture.ts';
import { type ShardRecord, Store } from '../../store/store.ts';
import type { Finding, Level } from '../finding.ts';

export const SHARDS = 60;
export const DIVERGENCES = 40;
const PAGE = 4096;

function folded(shard: number): FoldedShard {
  return {
    ...{ shard, cases: 64, accesses: 640, verdicts: [600, 40, 0, 0, 0], digest: `digest of shard ${shard}` },
    ...{ known: { 'tsc-deadline': 2 }, uses: [], news: [], features: new Array(150).fill(1000 + shard), newPairs: [] },
  };
}

export const divergenceId = (number: number): string => `d1${number.toString(16).padStart(14, '0')}`;

/** What a campaign records after so many shards. */
export function shardAfter(campaign: number, shard: number): ShardRecord {
  const result = folded(shard);
  let digest = '';
  for (let before = 0; before <= shard; before++) digest = chainDigest(digest, folded(before).digest);
  const cases = (shard + 1) * 64;
  return {
    ...{ campaign, shard, digest: result.digest, result },
    divergences: [divergence(divergenceId(shard % DIVERGENCES), 3)],
    totals: { cases, accesses: cases * 10, seconds: shard, digest, known: { 'tsc-deadline': (shard + 1) * 2 } },
    covered: { features: 1, pairs: shard },
  };
}

/** One interrupted campaign (1) and one that has finished (2), with the same shards and divergences. */
export async function makeDatabase(driver: Driver, path: string): Promise<void> {
  const store = await Store.open(path, { driver });
  for (const state of ['interrupted', 'finished'] as const) {
    const config = { worker: { engines: [{ kind: 'built-in', name: 'reference' }] } };
    const campaign = await store.createCampaign('5', '6.18', ['reference'], config);
    for (let shard = 0; shard < SHARDS; shard++) await store.recordShard(shardAfter(campaign, shard), []);
    await store.finishCampaign(campaign, state, COVERAGE);
  }
  await store.setStatus(divergenceId(1), { status: 'triaged', note: 'looked at', author: 'somebody' });
  await store.close();
}

/** SQL past the store. */
export async function inDatabase<T>(driver: Driver, path: string, work: (db: Database) => Promise<T>): Promise<T> {
  const db = await driver.open(path, { readOnly: false });
  try {
    return await work(db);
  } finally {
    await db.close();
  }
}

export const run = (driver: Driver, path: string, sql: string): Promise<void> =>
  inDatabase(driver, path, (db) => db.exec(sql));

export async function countOf(driver: Driver, path: string, from: string): Promise<number> {
  return inDatabase(driver, path, async (db) => Number((await db.all(`SELECT count(*) AS n FROM ${from}`))[0]!.n));
}

/** Numbers of pages, from 0, that hold the text. */
export function pagesWith(path: string, text: string): number[] {
  const bytes = readFileSync(path);
  const pages: number[] = [];
  for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + 1)) pages.push(Math.floor(at / PAGE));
  return [...new Set(pages)];
}

export function overwrite(path: string, position: number, bytes: Uint8Array): void {
  const file = openSync(path, 'r+');
  writeSync(file, bytes, 0, bytes.length, position);
  closeSync(file);
}

export function overwritePage(path: string, page: number): void {
  overwrite(path, page * PAGE, new Uint8Array(PAGE).fill(0xff));
}

/** The worst that is said of each check. */
export function levels(findings: readonly Finding[]): Record<string, Level> {
  const order: readonly Level[] = ['ok', 'warning', 'problem'];
  const worst: Record<string, Level> = {};
  for (const { check, level } of findings) {
    if (order.indexOf(level) >= order.indexOf(worst[check] ?? 'ok')) worst[check] = level;
  }
  return worst;
}

/** Checks that are not ok. */
export function complaints(findings: readonly Finding[]): Record<string, Level> {
  return Object.fromEntries(Object.entries(levels(findings)).filter(([, level]) => level !== 'ok'));
}
