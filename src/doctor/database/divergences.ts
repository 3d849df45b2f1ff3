/** Whether stored divergences and configurations can be read, and whether counts add up. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { EngineSpec } from '../../engines/registry.ts';
import { parseScenario } from '../../model/scenario-json.ts';
import type { Database } from '../../store/driver.ts';
import { type Findings, few, OR_REPAIR, reason } from '../finding.ts';

const BATCH = 256;

/** Divergences whose count is not the sum of their occurrences. */
export async function wrongCounts(db: Database): Promise<string[]> {
  const rows = await db.all(
    `SELECT d.id FROM divergences d LEFT JOIN occurrences o ON o.divergence_id = d.id
     GROUP BY d.id HAVING d.cases <> coalesce(sum(o.cases), 0) ORDER BY d.id`,
  );
  return rows.map(({ id }) => String(id));
}

export async function reportCounts(db: Database, findings: Findings): Promise<void> {
  const wrong = await wrongCounts(db);
  if (wrong.length === 0) {
    findings.ok('counts', 'cases of divergences are the sums of their occurrences');
    return;
  }
  findings.problem(
    'counts',
    `cases of ${wrong.length} divergences are not the sums of their occurrences: ${few(wrong)}`,
    `count them anew: ${OR_REPAIR}`,
  );
}

/** Reads every stored scenario and configuration as the commands would. */
export async function reportContents(db: Database, findings: Findings): Promise<void> {
  const modules = new Map<string, string>();
  const bad: string[] = [];
  let count = 0;
  for (let after = ''; ; ) {
    const rows = await db.all(
      `SELECT id, scenario, vector, engines, rules FROM divergences WHERE id > ? ORDER BY id LIMIT ${BATCH}`,
      [after],
    );
    for (const { id, scenario, vector, engines, rules } of rows) {
      try {
        parseScenario(JSON.parse(String(scenario)), 'scenario');
        for (const text of [vector, rules]) JSON.parse(String(text));
        noteModules(JSON.parse(String(engines)), modules);
      } catch (error) {
        bad.push(`${id} (${reason(error)})`);
      }
    }
    count += rows.length;
    if (rows.length < BATCH) break;
    after = String(rows.at(-1)!.id);
  }
  if (bad.length === 0) findings.ok('scenarios', `all ${count} stored divergences can be read`);
  else {
    findings.problem(
      'scenarios',
      `${bad.length} of ${count} stored divergences cannot be read: ${few(bad, 2)}`,
      'a campaign with the same seed finds them again, in another --database; "msrdiff list --campaigns" shows seeds',
    );
  }
  await reportConfigs(db, findings, modules);
  reportModules(findings, modules);
}

async function reportConfigs(db: Database, findings: Findings, modules: Map<string, string>): Promise<void> {
  const bad: string[] = [];
  const rows = await db.all('SELECT id, state, engines, config, known FROM campaigns ORDER BY id');
  for (const { id, state, engines, config, known } of rows) {
    try {
      for (const text of [engines, known]) JSON.parse(String(text));
      const { worker } = JSON.parse(String(config)) as { worker?: { engines?: unknown } };
      // Proofs and salvaged campaigns have no workers; they are finished.
      if (state !== 'finished') noteModules(worker?.engines, modules);
    } catch (error) {
      bad.push(`${id} (${reason(error)})`);
    }
  }
  if (bad.length === 0) {
    findings.ok('configurations', `all ${rows.length} stored campaigns can be read`);
    return;
  }
  findings.problem(
    'configurations',
    `${bad.length} of ${rows.length} stored campaigns cannot be read: ${few(bad, 2)}`,
    'restore a copy of the database; they cannot be resumed',
  );
}

/** Adds the engine modules of a list of engines, by path. Throws if it is no such list. */
function noteModules(engines: unknown, modules: Map<string, string>): void {
  if (!Array.isArray(engines)) throw new Error('its engines are no list');
  for (const spec of engines as EngineSpec[]) if (spec.kind === 'module') modules.set(spec.path, spec.sha256);
}

function reportModules(findings: Findings, modules: ReadonlyMap<string, string>): void {
  const [gone, changed]: [string[], string[]] = [[], []];
  for (const [path, sha256] of modules) {
    try {
      if (createHash('sha256').update(readFileSync(path)).digest('hex') !== sha256) changed.push(path);
    } catch {
      gone.push(path);
    }
  }
  const advice = 'bring it back to replay what it has shown, and to resume';
  if (gone.length > 0) findings.warning('engine modules', `gone: ${few(gone)}`, advice);
  if (changed.length > 0) findings.warning('engine modules', `changed since they were run: ${few(changed)}`, advice);
  if (gone.length + changed.length === 0) findings.ok('engine modules', `all ${modules.size} are as they were run`);
}
