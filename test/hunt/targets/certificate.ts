import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { parseJsonText } from '../../../src/model/json-text.ts';
import { findProfile } from '../../../src/model/profile.ts';
import {
  parseCertificate,
  proofCertificate,
  readCertificate,
  writeCertificate,
} from '../../../src/prove/certificate.ts';
import { certificateText } from '../../../src/prove/certificate-text.ts';
import { checkProgress, checkSums } from '../../../src/prove/check.ts';
import { LEMMA_CERTIFICATE, lemmaCertificateText } from '../../../src/prove/lemmas/lemma-certificate.ts';
import { accepted, asText, expect, type Target } from '../target.ts';
import { FILTER_SEEDS } from './filter-json.ts';

const ENGINES = '[{"kind":"built-in","name":"reference"},{"kind":"module","path":"x.mjs","sha256":"00"}]';
const HASH = '0'.repeat(64);

function proof(plan: string): string {
  return (
    '{"format":"msrdiff proof 1","versions":{"msrdiff":"1","node":"20"},"outcome":"proven","statement":["s"],' +
    `"limits":["l"],"plan":${plan},"engines":[{"name":"a","sha256":"${HASH}"},{"name":"b","sha256":"${HASH}"}],` +
    '"day":"2026-01-01","seconds":1.5,"cases":2,"accesses":3,"digest":"0000000000000000","counts":{"x":1},"known":{},' +
    '"disproof":{"divergence":null,"scenario":"{}"},"shards":1,"done":[[0,2,3,"0000000000000000"]]}'
  );
}

const subject = `"engines":${ENGINES},"profile":"6.1"`;
const state = '"mask":7,"apic":2';
// In memory, where there is such a folder: every input is a file.
const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'msrdiff-hunt-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
const path = join(folder, 'proof.json');

export const target: Target = {
  name: 'certificate',
  form: 'json',
  seeds: [
    proof(`{"kind":"partition",${subject},${state},"filter":${JSON.stringify(FILTER_SEEDS[0])}}`),
    proof(`{"kind":"random",${subject},${state},"seed":"18446744073709551615","filters":3}`),
    proof(`{"kind":"ranges",${subject},"ranges":2,"vendors":["vmx","svm"]}`),
    proof(`{"kind":"states",${subject},"length":3}`),
    '{"format":"msrdiff lemmas 1","versions":{"msrdiff":"1","node":"20"},"outcome":"proven","day":"2026-01-01",' +
      `"engines":[{"name":"a","sha256":"${HASH}"}],"lemmas":[{"id":"verdict","title":"t","smt2":"${HASH}",` +
      '"result":"proven","milliseconds":1}]}',
  ],
  words: [
    ...[
      'brute-force',
      'partition',
      'random',
      'ranges',
      'states',
      'kind',
      'engines',
      'profile',
      'newest',
      'done',
      'shards',
    ],
    ...['proven', 'disproven', 'unfinished', 'counts', 'known', 'seed', 'filters', 'vendors', 'length', 'a: orders'],
  ],
  sources: ['src/prove/certificate', 'src/prove/check', 'src/prove/lemmas/lemma-certificate', 'src/prove/digest'],
  run(input) {
    const json = accepted(() => parseJsonText(asText(input), path), path);
    if (json === undefined) return;
    const lemmas = accepted(() => parseCertificate(json, LEMMA_CERTIFICATE, 'FILE'), 'FILE');
    if (lemmas) expect(lemmaCertificateText(lemmas).length > 0, 'no words');
    const certificate = accepted(() => proofCertificate(json, path), path);
    if (!certificate) return;
    const { plan, shards, cases, accesses, done } = certificate;
    expect(findProfile(plan.profile) !== undefined, `the profile ${plan.profile}`);
    for (const count of [shards, cases, accesses, ...done.flatMap((shard) => shard.slice(0, 3).map(Number))]) {
      expect(Number.isSafeInteger(count) && count >= 0, `the count ${count}`);
    }
    if (plan.kind === 'random') expect(BigInt(plan.seed) < 1n << 64n, `the seed ${plan.seed}`);
    for (const problem of [...checkProgress(certificate), ...checkSums(certificate)]) {
      expect(problem.length > 0, 'a problem without words');
    }
    expect(certificateText(certificate).startsWith('msrdiff proof: '), 'no words');
    // Files take long: now and then.
    if (input.length % 16 !== 0) return;
    writeCertificate(path, certificate);
    expect(isDeepStrictEqual(readCertificate(path), certificate), `another certificate: ${readFileSync(path)}`);
  },
};
