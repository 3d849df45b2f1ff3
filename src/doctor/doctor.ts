/** Everything that is checked, and repaired, in order. */
import { loadDriver } from '../store/driver.ts';
import { checkDatabase } from './database/check.ts';
import { checkDisk } from './disk.ts';
import { checkEngines } from './engines.ts';
import { checkEnvironment } from './environment.ts';
import type { Finding } from './finding.ts';
import { checkKernels, repairKernels } from './kernels.ts';
import { checkPackages } from './packages.ts';
import { repairDatabase } from './repair/repair-database.ts';

export interface Patient {
  /** Path of the database. */
  readonly database: string;
  /** Whether the user has named it, so that it ought to exist. */
  readonly asked: boolean;
  /** Folder of kernels. */
  readonly cache: string;
}

export async function examine(patient: Patient): Promise<Finding[]> {
  const { database, cache } = patient;
  const findings = [...(await checkEnvironment()), ...checkDisk(database, cache)];
  // Without a library nothing can be said about a database; the environment's findings tell.
  const driver = await loadDriver().catch(() => undefined);
  if (driver) findings.push(...(await checkDatabase(driver, database, patient.asked)));
  return [...findings, ...checkEngines(), ...checkKernels(cache), ...checkPackages()];
}

/** Repairs what `findings` complain of, as far as that is possible. What it did, one line each. Throws StoreError. */
export async function repair({ database, cache }: Patient, findings: readonly Finding[]): Promise<string[]> {
  const complaints = findings.filter(({ level }) => level !== 'ok').map(({ group }) => group);
  const lines: string[] = [];
  if (complaints.includes('database')) lines.push(...(await repairDatabase(await loadDriver(), database)));
  if (complaints.includes('kernels')) lines.push(...repairKernels(cache));
  return lines;
}
