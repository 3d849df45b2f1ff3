/** `msrdiff doctor`: what is wrong with the installation and a database, and what to do. */
import type { Command } from 'commander';
import { examine, type Patient, repair } from '../doctor/doctor.ts';
import type { Finding, Level } from '../doctor/finding.ts';
import { cacheFolder } from '../engines/kernel/cache.ts';
import { Exit } from '../model/exit.ts';
import { databaseOption, jsonOption } from './options.ts';
import { line, table } from './render.ts';

interface DoctorOptions {
  readonly database: string;
  readonly repair?: boolean;
  readonly json?: boolean;
}

const MARKS: Readonly<Record<Level, string>> = { ok: 'ok', warning: 'WARNING', problem: 'PROBLEM' };

export function addDoctor(program: Command): void {
  const command = program
    .command('doctor')
    .description('check the installation, the engines and a database; say what to do')
    .addOption(databaseOption())
    .option('--repair', 'repair the database and the cache where that can be done, after a copy')
    .addOption(jsonOption());
  command.action(async (options: DoctorOptions) => {
    const asked = command.getOptionValueSource('database') !== 'default';
    process.exitCode = await doctor({ database: options.database, asked, cache: cacheFolder() }, options);
  });
}

async function doctor(patient: Patient, options: DoctorOptions): Promise<number> {
  let findings = await examine(patient);
  const repairs = options.repair ? await repair(patient, findings) : [];
  if (repairs.length > 0) findings = await examine(patient);
  const count = (level: Level): number => findings.filter((finding) => finding.level === level).length;
  const summary = { problems: count('problem'), warnings: count('warning') };
  if (options.json) process.stdout.write(`${JSON.stringify({ ...summary, findings, repairs })}\n`);
  else {
    for (const did of repairs) process.stdout.write(`repair: ${line(did)}\n`);
    process.stdout.write(`${repairs.length > 0 ? '\n' : ''}${text(findings)}\n`);
    process.stdout.write(`\n${summary.problems} problems, ${summary.warnings} warnings\n`);
  }
  return summary.problems > 0 ? Exit.DIVERGED : Exit.OK;
}

function text(findings: readonly Finding[]): string {
  const rows = findings.flatMap(({ group, check, level, what, advice }) => [
    [MARKS[level], group, check, what],
    ...(advice === undefined ? [] : [['', '', '', `-> ${advice}`]]),
  ]);
  return table(rows);
}
