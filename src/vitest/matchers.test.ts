import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import type { AgreeOptions } from './matchers.ts';
import './matchers.ts';

const folder = mkdtempSync(join(tmpdir(), 'msrdiff-matchers-'));
const reproducers = join(folder, 'found');
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(() => rmSync(reproducers, { recursive: true, force: true }));

/** Ranges end one MSR too late. */
const INCLUSIVE = readFileSync(new URL('../../examples/decision-engine.mjs', import.meta.url), 'utf8')
  .replace('index >= end', 'index > end')
  .replace('decision-example', 'inclusive');
const path = join(folder, 'inclusive.mjs');
writeFileSync(path, INCLUSIVE);
const example = await import(new URL('../../examples/decision-engine.mjs', import.meta.url).href);
const inclusive = await import(path);

async function failure(assertion: Promise<void>): Promise<string> {
  return assertion.then(
    () => 'passed',
    (error: Error) => error.message,
  );
}

describe('toAgreeWith', () => {
  it('passes for an engine that is right, and leaves nothing behind', async () => {
    await expect(example).toAgreeWith('reference', { cases: 64, reproducers });
    await expect('interval').toAgreeWith(['reference', 'svm'], { cases: 64, profile: '5.10', reproducers });
    expect(existsSync(reproducers)).toBe(false);
  });

  it('fails with access, verdicts, rule, scenario, and where that is', async () => {
    const text = await failure(expect(inclusive).toAgreeWith('reference', { cases: 64, reproducers }));
    const [stored] = readdirSync(reproducers);
    const scenario = readFileSync(join(reproducers, stored!), 'utf8');
    expect(text).toMatch(/^inclusive diverges within 64 cases of seed 1, profile 6.18: verdict, divergence \w{16}\n/);
    expect(text).toContain(
      'event 1, access 0: RDMSR 0x1: inclusive answers gp, expected allow\ninclusive stands alone',
    );
    expect(text).toContain('Broken rule: range end inclusive');
    expect(text).toContain('  reference  allow  no range matches: the default allows\n* inclusive  gp ');
    expect(text).toContain(`Minimized scenario:\n${scenario}`);
    expect(text).toContain(`.toAgreeWith('reference', { scenario: '`);
    expect(text).not.toContain('msrdiff replay');
    expect(stored).toMatch(/^inclusive-[0-9a-f]{16}\.json$/);
  });

  it('finds the same in a module, which the command line can be given too', async () => {
    const here = await failure(expect(inclusive).toAgreeWith('reference', { cases: 64, reproducers }));
    const there = await failure(expect(path).toAgreeWith('reference', { cases: 64, reproducers, profile: '6.1' }));
    expect(readdirSync(reproducers)).toHaveLength(2);
    const rule = /Broken rule[\s\S]*?\n\n/;
    expect(rule.exec(there)![0]).toBe(rule.exec(here)![0]);
    expect(there).toContain("profile: '6.1' });");
    expect(there).toContain(`  npx msrdiff replay `);
    expect(there).toContain(`--profile 6.1 --engines reference --engine-module ${path}`);
  });

  it('runs a stored scenario instead, and stores none again', async () => {
    await failure(expect(inclusive).toAgreeWith('reference', { cases: 64, reproducers }));
    const scenario = join(reproducers, readdirSync(reproducers)[0]!);
    await expect(example).toAgreeWith('reference', { scenario });
    const before = readFileSync(scenario);
    const text = await failure(
      expect(inclusive).toAgreeWith('reference', { scenario, reproducers: join(folder, 'b') }),
    );
    expect(text).toContain(`inclusive diverges in ${scenario}: verdict, divergence`);
    expect(text).not.toContain('Stored in');
    expect(existsSync(join(folder, 'b'))).toBe(false);
    expect(readFileSync(scenario)).toEqual(before);
  });

  it('can be negated, and stores nothing then', async () => {
    await expect(inclusive).not.toAgreeWith('reference', { cases: 64, reproducers });
    expect(existsSync(reproducers)).toBe(false);
    const text = await failure(expect(example).not.toAgreeWith('reference', { cases: 64 }));
    expect(text).toBe('the engines agree on 64 cases of seed 1, profile 6.18, and were expected not to');
  });

  // Every attempt at a smaller scenario waits for the time limit, which is no shorter for the sake of busy machines.
  it('fails for an engine that does not return, here and in a module', { timeout: 240_000 }, async () => {
    const loops = (_: unknown, index: number): boolean => {
      while (index === 0x174);
      return true;
    };
    const module = join(folder, 'loops.mjs');
    writeFileSync(module, `export const name = 'loops';\nexport const allowed = ${loops};\n`);
    for (const engine of [loops, module]) {
      const text = await failure(expect(engine).toAgreeWith('reference', { cases: 64, timeout: 0.6, reproducers }));
      expect(text).toMatch(/^loops diverges within 64 cases [\s\S]*engine-timeout[\s\S]*loops: no answer within 0.6 s/);
      expect(text).toMatch(/Minimized scenario:\n\{"events": \[\n[\s\S]*"0x174"/);
    }
  });

  it.each<[string, object, string]>([
    ['an unknown option', { case: 1 }, 'toAgreeWith: case: no such key (see docs/library.md)'],
    ['a wrong number', { seconds: -1 }, 'toAgreeWith: seconds: give a number of seconds greater than 0'],
    ['no folder', { reproducers: '' }, 'toAgreeWith: reproducers: give a folder'],
    ['no such scenario', { scenario: 'none.json' }, 'scenario none.json cannot be read (ENOENT): check the path'],
  ])('throws for %s, also when negated', async (_, options, message) => {
    expect(await failure(expect(example).toAgreeWith('reference', options as AgreeOptions))).toContain(message);
    expect(await failure(expect(example).not.toAgreeWith('reference', options as AgreeOptions))).toContain(message);
  });

  it('says that a folder cannot be written to', async () => {
    const text = await failure(expect(inclusive).toAgreeWith('reference', { cases: 64, reproducers: path }));
    expect(text).toMatch(/cannot be written \(E\w+\): give another folder as reproducers$/);
  });
});

describe('toBeProvenEquivalent', () => {
  it('passes for an engine that is right', async () => {
    await expect(example).toBeProvenEquivalent({ ranges: 1 });
    await expect('svm').toBeProvenEquivalent({ states: 1, to: 'vmx' });
    const text = await failure(expect(example).not.toBeProvenEquivalent({ ranges: 1 }));
    expect(text).toMatch(/^proven, and expected not to be: decision-example agrees with reference on the errno of/);
  });

  it('fails as a campaign does, with the same divergence', async () => {
    const filter = { flags: 'allow', ranges: [{ flags: 'rw', base: '0x10', nmsrs: 1, bitmap: { allow: [] } }] };
    for (const options of [{ ranges: 1 }, { filter, mask: 0 }]) {
      const text = await failure(expect(inclusive).toBeProvenEquivalent({ ...options, reproducers }));
      expect(text).toMatch(/^inclusive diverges by a proof: verdict, divergence \w{16}\n/);
      expect(text).toContain('Broken rule: range end inclusive');
    }
    expect(readdirSync(reproducers)).toHaveLength(1);
  });

  it('throws for what is wrong', async () => {
    const both = expect(example).toBeProvenEquivalent({ ranges: 1, states: 1 });
    expect(await failure(both)).toContain('say what is to be proven, by exactly one of ranges, states and filter');
    expect(await failure(expect(example).toBeProvenEquivalent({ ranges: 6 }))).toContain('from 1 to 5');
    expect(await failure(expect(7).toBeProvenEquivalent())).toContain('an engine is a name, a path, an object or a');
  });
});
