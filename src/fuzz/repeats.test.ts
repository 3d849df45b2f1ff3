/** What is left out because it says nothing new has no effect on what is found. */
import { describe, expect, it } from 'vitest';
import type { Engine, VmConfig } from '../engines/contract.ts';
import { fromDecision } from '../engines/decision.ts';
import { interval } from '../engines/interval.ts';
import { reference } from '../engines/reference.ts';
import { svm } from '../engines/svm.ts';
import { vmx } from '../engines/vmx.ts';
import { catalogueBase } from '../model/catalogue.ts';
import type { MsrFilter } from '../model/filter.ts';
import { NEWEST_PROFILE } from '../model/profile.ts';
import type { Scenario } from '../model/scenario.ts';
import { CaseGenerator } from './case.ts';
import { type KnownPlaces, type Observation, observe } from './compare.ts';
import { Evaluator } from './evaluate.ts';
import { Ledger, type LedgerEntry, SHIPPED_LEDGER } from './ledger.ts';
import { caseChoices } from './shard.ts';
import { signatureOf } from './signature.ts';

const CONFIG: VmConfig = { profile: NEWEST_PROFILE, base: catalogueBase() };
const generator = new CaseGenerator(CONFIG.profile, 2048);

function sound(filter: MsrFilter | null, index: number, write: boolean): boolean {
  if (filter === null || index >>> 8 === 8) return true;
  for (const { base, nmsrs, flags, bitmap } of filter.ranges) {
    const bit = index - base;
    if (index < base || index >= (base + nmsrs) >>> 0 || (flags & (write ? 2 : 1)) === 0) continue;
    return ((bitmap![bit >> 3]! >> (bit & 7)) & 1) === 1;
  }
  return filter.flags === 0;
}

/** An engine that decides the other way round at some accesses. */
function wrong(name: string, where: (index: number, write: boolean) => boolean): Engine {
  return fromDecision({
    name,
    allowed: (filter, index, write) => sound(filter, index, write) !== where(index, write),
  });
}

/** Known of one engine, in a region where others are wrong as well. */
const KNOWN: LedgerEntry = {
  ...{ id: 'inverted-low', title: '', owner: '', link: '', expires: '2099-01-01', kind: 'verdict' },
  profiles: [CONFIG.profile.id],
  engines: ['inverted'],
  indices: [0x100, 0x3ff],
  type: 'read',
};

interface Account {
  /** The first observation of each signature. */
  readonly first: Map<string, Observation>;
  readonly known: Record<string, number>;
  readonly astray: number[];
  /** Observations in all. */
  count: number;
}

function account(scenario: Scenario, evaluator: Evaluator, ledger: Ledger, everyPlace: boolean): Account {
  const { engines, traces } = evaluator;
  const astray = engines.map(() => Number.POSITIVE_INFINITY);
  const result: Account = { first: new Map(), known: {}, astray, count: 0 };
  const places: KnownPlaces = {
    concerns: (index) => everyPlace || ledger.concerns(index),
    abstains: (subject, kind, index, type, got) => ledger.expects(engines[subject]!.name, kind, index, type, got),
  };
  const note = (seen: Observation): boolean => {
    result.count++;
    const { name } = engines[seen.subject]!;
    const id = ledger.match(seen, name)?.id;
    if (id !== undefined) result.known[id] = (result.known[id] ?? 0) + 1;
    else if (!result.first.has(signatureOf(seen, name))) result.first.set(signatureOf(seen, name), seen);
    return id !== undefined;
  };
  observe(scenario, traces, note, places, astray);
  return result;
}

const lists: [string, Engine[], LedgerEntry[]][] = [
  ['everywhere', [wrong('inverted', () => true)], []],
  ['here and there', [wrong('sixty', (index) => (index & 63) === 0)], []],
  ['in different ways', [wrong('reads', (_, write) => !write), wrong('odd', (index) => (index & 1) === 1)], []],
  ['and it is known in part', [wrong('inverted', () => true), wrong('low', (index) => index < 0x800)], [KNOWN]],
  ['and there are many', Array.from({ length: 16 }, (_, i) => wrong(`w${i}`, (index) => index % (i + 2) === 0)), []],
];

describe('what is told of each event once', () => {
  it.each(lists)('is what all observations tell, of engines that are wrong %s', (_, engines, entries) => {
    const ledger = new Ledger([...SHIPPED_LEDGER, ...entries], CONFIG.profile.id, '2026-01-01');
    const evaluator = new Evaluator([reference, interval, vmx, svm, ...engines], CONFIG, ledger);
    let [fewer, all] = [0, 0];
    for (let number = 0; number < 40; number++) {
      const scenario = generator.generate(caseChoices(3n, number));
      // An engine that was left out takes no part.
      evaluator.excluded.clear();
      if (number % 8 === 7) evaluator.excluded.set(1, 'timed out');
      if (evaluator.run(scenario)) continue;
      const quick = account(scenario, evaluator, ledger, false);
      const slow = account(scenario, evaluator, ledger, true);
      fewer += quick.count;
      all += slow.count;
      expect({ ...quick, count: 0 }).toEqual({ ...slow, count: 0 });
      expect([...quick.first.keys()]).toEqual([...slow.first.keys()]);
    }
    expect(all).toBeGreaterThan(500);
    expect(fewer).toBeLessThan(all);
  });
});
