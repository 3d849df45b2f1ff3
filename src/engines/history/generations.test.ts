import { describe, expect, it } from 'vitest';
import { CaseGenerator } from '../../fuzz/case.ts';
import { Evaluator } from '../../fuzz/evaluate.ts';
import { Ledger } from '../../fuzz/ledger.ts';
import { caseChoices } from '../../fuzz/shard.ts';
import { catalogueBase } from '../../model/catalogue.ts';
import { KERNEL_PROFILES } from '../../model/profile.ts';
import { reference } from '../reference.ts';
import { COVER_LETTER_ENTRIES } from './cover-letter.ts';
import { findHistoryEngine, generationEngine } from './engines.ts';
import { findGeneration, GENERATIONS, NEIGHBOURS, OPTIONS } from './generations.ts';
import { announcementsOf, COVER_LETTER, RULE_TEXTS, ruleText } from './rule-texts.ts';
import { differingRules, type RuleName } from './rules.ts';

describe('names', () => {
  it('finds generations, profiles and options', () => {
    expect(findGeneration('allowlist-v5')?.name).toBe('allowlist-v5');
    expect(findGeneration('5.10')?.name).toBe('filter-5.10');
    expect(findGeneration('5.10.154')?.name).toBe('filter-5.10.154');
    expect(findGeneration('1a155254ff93')?.name).toBe('filter-1a155254ff93');
    const both = findGeneration('allowlist-v4.overlap.0x400');
    expect(both).toMatchObject({
      name: 'allowlist-v4.overlap.0x400',
      rules: { overlap: 'permitted', maxBitmapBytes: 0x400 },
    });
  });

  it.each(['', 'filter', 'allowlist-v5.', 'allowlist-v5.nope', 'filter-6.1.gp', 'v7.eperm', '6.2'])(
    'refuses %j',
    (name) => {
      expect(findGeneration(name)).toBeUndefined();
    },
  );

  it('does not take the id of a profile for an engine', () => {
    expect(findHistoryEngine('6.1')).toBeUndefined();
    expect(findHistoryEngine('filter-6.1')?.name).toBe('filter-6.1');
  });
});

describe('texts', () => {
  it('says what every rule is, of every generation and option', () => {
    const all = GENERATIONS.flatMap(({ name, rules }) => [
      rules,
      ...OPTIONS.flatMap((option) => (option.of.test(name) ? [findGeneration(`${name}.${option.name}`)!.rules] : [])),
    ]);
    for (const rules of all) {
      for (const rule of Object.keys(rules) as RuleName[])
        expect(ruleText(rule, rules), `${rule} ${rules[rule]}`).toBeTruthy();
    }
  });

  it('quotes only what is in the list of the cover letter, and explains every entry of it', () => {
    const entries = COVER_LETTER_ENTRIES.map(({ entry }) => entry);
    for (const { announced } of Object.values(RULE_TEXTS)) {
      for (const { document, sentence } of announced)
        if (document === COVER_LETTER) expect(entries).toContain(sentence);
    }
    for (const { rules, why, entry } of COVER_LETTER_ENTRIES) expect(rules.length > 0, entry).toBe(why === undefined);
  });

  it('changes the rule of every entry between some neighbours', () => {
    const changed = new Set(
      NEIGHBOURS.flatMap(([from, to]) => differingRules(findGeneration(from)!.rules, findGeneration(to)!.rules)),
    );
    for (const { rules } of COVER_LETTER_ENTRIES) for (const rule of rules) expect(changed).toContain(rule);
  });

  it('has an announcement for the side that a change ends on', () => {
    const to = findGeneration('allowlist-v2')!.rules;
    expect(announcementsOf('control', to).map(({ value }) => value)).toEqual(['ranges']);
  });
});

describe('released generations', () => {
  it.each(KERNEL_PROFILES)('$id answers as the reference does, which shares nothing with it', (profile) => {
    const config = { profile, base: catalogueBase() };
    const engines = [reference, generationEngine(findGeneration(profile.id)!)];
    const evaluator = new Evaluator(engines, config, new Ledger([], '', ''));
    const generator = new CaseGenerator(profile, 1024);
    for (let number = 0; number < 300; number++) {
      const scenario = generator.generate(caseChoices(77n, number));
      expect(evaluator.run(scenario), `case ${number}`).toBe(true);
    }
  });
});
