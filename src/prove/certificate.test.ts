import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { engineHash, modulesOf } from '../engines/engine-hash.ts';
import { interval } from '../engines/interval.ts';
import { reference } from '../engines/reference.ts';
import { engineSpecs } from '../engines/registry.ts';
import { type Certificate, emptyCertificate, ProofTotals, readCertificate, writeCertificate } from './certificate.ts';
import { checkAllCounts, checkCounts, checkEngines, checkShard, checkSums, checkTexts, sampleShards } from './check.ts';
import type { RangesPlan } from './plan.ts';
import { proveRangesShard, rangesShards } from './ranges.ts';
import { limitsOf, statementOf } from './statement.ts';

const folder = mkdtempSync(join(tmpdir(), 'msrdiff-proof-'));
afterAll(() => rmSync(folder, { recursive: true }));

const specs = engineSpecs(['reference', 'interval'], []);
const plan: RangesPlan = { kind: 'ranges', engines: specs, profile: '6.18', ranges: 1, vendors: [] };
const prove = (shard: number) => proveRangesShard(plan, shard, [reference, interval], () => {});

function proven(): Certificate {
  const names = ['reference', 'interval'];
  const engines = names.map((name, i) => ({ name, sha256: engineHash(specs[i]!) }));
  const texts = { statement: statementOf(plan, names), limits: limitsOf(plan) };
  const shards = rangesShards(plan);
  const totals = new ProofTotals();
  for (let shard = shards - 1; shard >= 0; shard--) totals.add(prove(shard));
  const { cases, accesses, counts, known, done } = totals;
  const sums = { cases, accesses, counts, known, done, digest: totals.digest() };
  return { ...emptyCertificate(plan, engines, texts, shards, '1.2.3'), outcome: 'proven', ...sums };
}

const good = proven();

describe('a certificate', () => {
  test('is read as it was written, and leaves nothing else behind', () => {
    const path = join(folder, 'good.json');
    writeCertificate(path, good);
    expect(readCertificate(path)).toEqual(good);
    expect(readdirSync(folder)).toEqual(['good.json']);
  });

  test('that cannot be written says so in one line', () => {
    expect(() => writeCertificate('/dev/null/x.json', good)).toThrow(/cannot be written \(E\w+\)/);
  });

  test.each([
    ['no JSON', '{', /./],
    ['of something else', '{"format": "x"}', /no certificate of msrdiff: format/],
    ['with a field that is no number', JSON.stringify({ ...good, cases: 'many' }), /no certificate.*: cases/],
    ['of an unknown profile', JSON.stringify({ ...good, plan: { ...good.plan, profile: '9.9' } }), /plan\.profile/],
  ])('%s is refused', (_, text, message) => {
    const path = join(folder, 'bad.json');
    writeFileSync(path, text);
    expect(() => readCertificate(path)).toThrow(message);
    rmSync(path);
  });
});

describe('checking', () => {
  const check = (certificate: Certificate): string[] => [
    ...checkEngines(certificate),
    ...checkTexts(certificate, { names: ['reference', 'interval'], vendors: [] }),
    ...checkSums(certificate),
    ...checkCounts(certificate),
  ];

  test('finds nothing wrong with a good one', () => {
    expect(check(good)).toEqual([]);
    for (const shard of sampleShards(good, 3, 1n)) expect(checkShard(shard, prove(shard[0]))).toEqual([]);
  });

  const name = '1 range, sign: orders';
  const forged: readonly (readonly [string, Partial<Certificate>, RegExp])[] = [
    ['an engine has changed', { engines: good.engines.map((e) => ({ ...e, sha256: '0'.repeat(64) })) }, /has changed/],
    ['it is not finished', { outcome: 'unfinished' }, /not "proven"/],
    ['a shard is missing', { done: good.done.slice(1) }, /shards are done/],
    ['a shard is there twice', { done: [good.done[0]!, ...good.done.slice(0, -1)] }, /there twice/],
    ['it states more', { statement: ['All is well.'] }, /statement/],
    ['it leaves out what is not shown', { limits: [] }, /not shown/],
    ['it is about other engines', { engines: good.engines.map((e) => ({ ...e, name: 'x' })) }, /is about x, x/],
    ['it was cut to fewer shards', { shards: 2, done: good.done.filter(([n]) => n < 2) }, /has 2 shards/],
    ['cases do not add up', { cases: good.cases + 1 }, /do not add up/],
    ['the digest is another', { digest: '0'.repeat(16) }, /digests/],
    ['it counted fewer orders', { counts: { ...good.counts, [name]: 4 } }, /4 orders, and there are 5/],
    [
      'it counted an order twice',
      { counts: { ...good.counts, '1 range, sign: order hash': good.counts['1 range, sign: order hash']! + 1 } },
      /not all different/,
    ],
  ];
  test.each(forged)('finds that %s', (_, change, message) => {
    expect(check({ ...good, ...change }).join('\n')).toMatch(message);
  });

  test('finds that a shard gives something else when it is run again', () => {
    const [shard, cases, accesses] = good.done[0]!;
    expect(checkShard([shard, cases, accesses, 'f'.repeat(16)], prove(shard))).toHaveLength(1);
    expect(checkShard(good.done[0]!, { ...prove(shard), disproof: '{}' })).toHaveLength(1);
  });

  test('finds that counts are others, when all is run again', () => {
    const again = good.done.map(([shard]) => prove(shard));
    expect(checkAllCounts(good, again)).toEqual([]);
    expect(checkAllCounts({ ...good, counts: { ...good.counts, more: 1 } }, again)).toHaveLength(1);
  });

  test('draws a sample by its seed, every shard at most once', () => {
    const numbers = (seed: bigint) => sampleShards(good, 4, seed).map(([shard]) => shard);
    expect(new Set(numbers(7n)).size).toBe(4);
    expect(numbers(7n)).toEqual(numbers(7n));
    expect(sampleShards(good, 1000, 7n)).toHaveLength(good.shards);
  });
});

describe('the hash of an engine', () => {
  const module = join(folder, 'engine.mjs');
  const helper = join(folder, 'helper.mjs');
  const hash = (): string => engineHash(engineSpecs([], [module])[0]!);

  test('changes with its module, and with what that imports', () => {
    writeFileSync(module, "import { x } from './helper.mjs';\nexport default x;\n");
    writeFileSync(helper, 'export const x = 1;\n');
    const before = hash();
    expect(hash()).toBe(before);
    writeFileSync(helper, 'export const x = 2;\n');
    const after = hash();
    expect(after).not.toBe(before);
    writeFileSync(module, "import { x } from './helper.mjs';\nexport default x + 1;\n");
    expect(hash()).not.toBe(after);
  });

  test('covers what a built-in engine is made of', () => {
    const hashes = ['reference', 'interval', 'vmx', 'svm'].map((name) => engineHash({ kind: 'built-in', name }));
    expect(new Set(hashes).size).toBe(4);
    const paths = modulesOf(fileURLToPath(new URL('../engines/interval.ts', import.meta.url))).map(([path]) => path);
    for (const name of ['engines/interval.ts', 'engines/interval-map.ts', 'model/base.ts']) {
      expect(paths.some((path) => path.endsWith(name))).toBe(true);
    }
  });

  test('is refused for processes', () => {
    expect(() => engineHash({ kind: 'command', command: 'true' })).toThrow(/cannot be proven/);
  });
});
