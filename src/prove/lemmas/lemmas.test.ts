import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import * as interval from './formulas/interval.ts';
import * as reference from './formulas/reference.ts';
import * as vmx from './formulas/vmx.ts';
import type { Lemma } from './lemma.ts';
import { LEMMAS } from './lemmas.ts';
import { close, proveLemma, smt2Of } from './solve.ts';
import {
  bv,
  bvlshr,
  bvmul,
  bvule,
  bvult,
  eq,
  evaluate,
  FALSE,
  iff,
  not,
  or,
  type Term,
  variable,
  variablesOf,
  zeroExtend,
} from './term.ts';
import { anyU32 } from './tie.fixture.ts';

/** Lemmas in which something is wrong that is easily got wrong. */
function falseLemmas(): Lemma[] {
  const named = (id: string) => LEMMAS.find((lemma) => lemma.id === id)!;
  const [index, base, nmsrs] = [variable('index', 32), variable('base', 32), variable('nmsrs', 32)];
  return [
    // An end of exactly 2^32 wraps too.
    {
      ...named('wrap-agree'),
      id: 'end-of-2-32',
      variables: [base, nmsrs],
      assumptions: [not(eq(nmsrs, 0))],
      goal: iff(vmx.wraps(base, nmsrs), bvult(bv(0x1_0000_0000, 64), interval.end(base, nmsrs))),
    },
    // With the end included, coverage changes between ends.
    {
      ...named('offset-in-range'),
      id: 'end-inclusive',
      variables: [index, base, nmsrs],
      assumptions: [],
      goal: iff(reference.covers(index, base, nmsrs), bvule(base, index)),
    },
    // Windows are needed for positions to be different.
    { ...named('vmx-position'), id: 'without-windows', assumptions: [] },
    // The window of 0x800 has 256 MSRs, not 4,096.
    { ...named('x2apic-window'), id: 'wide-window', goal: iff(vmx.exempt(index), eq(bvlshr(index, 12), 0)) },
    { ...named('block-hash'), id: 'wrapping-range', assumptions: named('block-hash').assumptions.slice(1) },
  ];
}

const anyByte = fc.oneof(fc.integer({ min: 0, max: 255 }), fc.constantFrom(0, 1, 0x7f, 0x80, 0xff));
const small = fc.integer({ min: 0, max: 64 });

const byName = (a: Term, b: Term): number => (a.name < b.name ? -1 : 1);

/** A value of the variable's sort, next to boundaries more often than not. */
function anyValue(term: Term): fc.Arbitrary<bigint | boolean> {
  if (term.sort === 'Bool') return fc.boolean();
  const bits = term.width <= 8 ? anyByte : fc.oneof(anyU32, small);
  return bits.map((value) => BigInt.asUintN(term.width, BigInt(value)));
}

const hasSolver = (() => {
  try {
    return createRequire(import.meta.url).resolve('z3-solver') !== '';
  } catch {
    return false;
  }
})();
if (!hasSolver) console.warn('z3-solver is not installed: lemmas are not proven with it (npm install z3-solver)');

const hasZ3 = spawnSync('z3', ['--version']).status === 0;
if (!hasZ3) console.warn('z3 is not on the PATH: lemmas are not proven with it (apt-get install z3)');

describe('lemmas', () => {
  it('have an id of their own, and declare what they use', () => {
    expect(new Set(LEMMAS.map(({ id }) => id)).size).toBe(LEMMAS.length);
    for (const { id, variables, assumptions, goal, statement, code } of LEMMAS) {
      expect(id).toMatch(/^[a-z0-9-]+$/);
      expect([...variables].sort(byName), id).toEqual(variablesOf(goal, ...assumptions).sort(byName));
      expect(statement.length * code.length, id).toBeGreaterThan(0);
    }
  });

  it('are in the documentation, word for word', () => {
    const words = (text: string) => text.replaceAll(/\s+/g, ' ');
    const documentation = words(readFileSync(new URL('../../../docs/lemmas.md', import.meta.url), 'utf8'));
    for (const { id, title, statement, code } of LEMMAS) {
      expect(documentation).toContain(words(`### ${id}: ${title} ${statement} Code: ${code}.`));
    }
    expect(documentation.match(/ ### /g)).toHaveLength(LEMMAS.length);
  });

  it.each(LEMMAS)('$id: true at random points', ({ variables, assumptions, goal }) => {
    const point = fc.record(Object.fromEntries(variables.map((each) => [each.name, anyValue(each)])));
    fc.assert(
      fc.property(point, (at) => !assumptions.every((term) => evaluate(term, at)) || evaluate(goal, at)),
      { numRuns: 100, seed: 7 },
    );
  });

  it.runIf(hasZ3)("are proven by this system's z3 too", () => {
    const directory = mkdtempSync(join(tmpdir(), 'msrdiff-lemmas-'));
    try {
      for (const lemma of LEMMAS) {
        const path = join(directory, `${lemma.id}.smt2`);
        writeFileSync(path, smt2Of(lemma));
        const { stdout } = spawnSync('z3', ['-T:30', path], { encoding: 'utf8' });
        expect(`${lemma.id}: ${stdout.trim()}`).toBe(`${lemma.id}: unsat`);
      }
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

describe.runIf(hasSolver)('the solver', () => {
  afterAll(close);

  it.each(LEMMAS)('$id: proven, and its assumptions can be met', async (lemma) => {
    expect(await proveLemma(lemma)).toMatchObject({ lemma: lemma.id, status: 'proven' });
    expect(await proveLemma({ ...lemma, goal: FALSE })).toMatchObject({ status: 'refuted' });
  });

  it.each(falseLemmas())('$id: refuted', async (lemma) => {
    const result = await proveLemma(lemma);
    if (result.status !== 'refuted') throw new Error(`the solver says: ${result.status}`);
    const at = result.counterexample;
    expect(lemma.assumptions.map((assumption) => evaluate(assumption, at))).not.toContain(false);
    expect(evaluate(lemma.goal, at)).toBe(false);
  });

  it('gives up in time', async () => {
    // Factors of a number of 96 bits.
    const [x, y] = [variable('x', 48), variable('y', 48)];
    const product = bvmul(zeroExtend(x, 96), zeroExtend(y, 96));
    const goal = or(eq(x, 1), eq(y, 1), not(eq(product, 0xffff_ffff_ffc5n * 0xffff_ffff_ffa1n)), bvult(y, x));
    const hard: Lemma = { ...LEMMAS[0]!, id: 'hard', variables: [x, y], assumptions: [], goal };
    const started = performance.now();
    expect(await proveLemma(hard, { timeoutMilliseconds: 200 })).toMatchObject({ status: 'unknown' });
    expect(performance.now() - started).toBeLessThan(20_000);
  });

  it('can be proven again after the solver was closed', async () => {
    await close();
    expect(await proveLemma(LEMMAS[0]!)).toMatchObject({ status: 'proven' });
    await close();
    await close();
  });
});
