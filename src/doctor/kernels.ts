/** Kernels in the cache: whether their files are what was fetched. */
import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { kernelDamage, listKernels, removeKernel } from '../engines/kernel/kernel-store.ts';
import { type Finding, Findings, few, OR_REPAIR } from './finding.ts';

const fetchCommand = (version: string): string => `msrdiff kernel fetch ${version}`;

/** Files of no bytes, which a machine leaves that lost its power before they were written. */
function emptyFiles(cache: string): string[] {
  try {
    const names = readdirSync(cache, { recursive: true, encoding: 'utf8' });
    return names.filter((name) => {
      const stat = statSync(join(cache, name), { throwIfNoEntry: false });
      return stat?.isFile() && stat.size === 0;
    });
  } catch {
    return [];
  }
}

export function checkKernels(cache: string): Finding[] {
  const findings = new Findings('kernels');
  const kernels = listKernels(cache);
  if (kernels.length === 0) findings.ok('cache', `${cache} holds no kernels; "${fetchCommand('6.12')}" gets one`);
  for (const kernel of kernels) {
    const { version, release } = kernel;
    const damage = kernelDamage(kernel);
    if (damage === null) findings.ok(version, `${release}, fetched by a version that noted no checksums`);
    else if (damage.length === 0) findings.ok(version, `${release}, whole`);
    else {
      const advice = `remove ${kernel.folder}, then run "${fetchCommand(version)}"; ${OR_REPAIR}, short of fetching`;
      findings.problem(version, `${release} is damaged: ${few(damage)}`, advice);
    }
  }
  const empty = emptyFiles(cache);
  if (empty.length > 0) {
    findings.problem(
      'empty files',
      `${cache} has files without content: ${few(empty)}`,
      `remove them: they are made anew`,
    );
  }
  return findings.all;
}

/** What it did, one line each. */
export function repairKernels(cache: string): string[] {
  const damaged = listKernels(cache).filter((kernel) => (kernelDamage(kernel) ?? []).length > 0);
  for (const kernel of damaged) removeKernel(cache, kernel);
  const empty = emptyFiles(cache);
  for (const name of empty) rmSync(join(cache, name), { force: true });
  return [
    ...damaged.map(
      ({ version }) =>
        `removed the damaged kernel ${version} from the cache; get it back with "${fetchCommand(version)}"`,
    ),
    ...empty.map((name) => `removed ${name}, which was empty, from the cache`),
  ];
}
