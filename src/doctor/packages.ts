/** Optional packages: what is there, and what the others would be for. */
import { createRequire } from 'node:module';
import { type Finding, Findings, reason } from './finding.ts';

const OPTIONAL: readonly (readonly [name: string, purpose: string])[] = [
  ['sqlite3', 'databases on Node before 22.13'],
  ['z3-solver', '"msrdiff prove --lemmas"'],
];

/** Only told where they are installed: nothing but a queue needs them. */
const EXTRA = ['bullmq', 'ioredis'];

export function checkPackages(): Finding[] {
  const findings = new Findings('packages');
  const { resolve } = createRequire(import.meta.url);
  for (const [name, purpose] of [...OPTIONAL, ...EXTRA.map((extra) => [extra, ''] as const)]) {
    try {
      resolve(name);
      findings.ok(name, 'is installed');
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'MODULE_NOT_FOUND') {
        findings.problem(name, `is installed but broken: ${reason(error)}`, `run "npm install ${name}"`);
      } else if (purpose !== '') {
        findings.ok(name, `is not installed; it is for ${purpose}: npm install ${name}`);
      }
    }
  }
  return findings.all;
}
