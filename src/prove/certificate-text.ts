/** Certificates for people. */
import type { Certificate } from './certificate.ts';

/** Where the words of a certificate belong. */
export function textPath(path: string): string {
  return `${path.replace(/\.json$/, '')}.txt`;
}

export function certificateText(certificate: Certificate): string {
  const { outcome, statement, limits, engines, versions, plan, day, seconds, cases, accesses, digest } = certificate;
  const { counts, known, shards, done, disproof } = certificate;
  const hashes = Object.entries(counts).filter(([name]) => !name.endsWith('order hash'));
  const lines = [
    `msrdiff proof: ${outcome}`,
    '',
    ...statement,
    '',
    'Not shown:',
    ...limits.map((limit) => `- ${limit}`),
    '',
    'Engines, by the SHA-256 of the modules that they are made of:',
    ...engines.map(({ name, sha256 }) => `- ${name} ${sha256}`),
    '',
    `Profile ${plan.profile}; ${day}; ${seconds} s; msrdiff ${versions.msrdiff}, Node ${versions.node}.`,
    `${cases} cases, ${accesses} accesses compared, ${done.length} of ${shards} shards, digest ${digest}.`,
    '',
    'Counts:',
    ...hashes.map(([name, count]) => `- ${name}: ${count}`),
    ...Object.entries(known).map(([id, count]) => `- known divergence ${id}: ${count}`),
  ];
  if (disproof) lines.push('', `Disproof ${disproof.divergence ?? '(not reduced)'}:`, disproof.scenario);
  return `${lines.join('\n')}\n`;
}
