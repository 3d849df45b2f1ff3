import { describe, expect, it } from 'vitest';
import { canary } from '../../engines/canary.ts';
import type { Engine, VmConfig } from '../../engines/contract.ts';
import { interval } from '../../engines/interval.ts';
import { ReferenceVm, reference } from '../../engines/reference.ts';
import { svm } from '../../engines/svm.ts';
import { vmx } from '../../engines/vmx.ts';
import { catalogueBase } from '../../model/catalogue.ts';
import { KERNEL_PROFILES, NEWEST_PROFILE } from '../../model/profile.ts';
import { parseScenario } from '../../model/scenario-json.ts';
import { CaseGenerator } from '../case.ts';
import { Ledger, SHIPPED_LEDGER } from '../ledger.ts';
import { caseChoices } from '../shard.ts';
import { resultText } from './describe.ts';
import { documentedErrno } from './describe-errno.ts';
import { explainDivergence } from './explain.ts';
import { formatExplanation } from './format.ts';
import { RULE_VARIANTS } from './rule-variants.ts';

const config: VmConfig = { profile: NEWEST_PROFILE, base: catalogueBase() };
const ledger = new Ledger(SHIPPED_LEDGER, NEWEST_PROFILE.id, '2026-01-01');

function subject(rule: string, name: string): Engine {
  return { ...RULE_VARIANTS.find((variant) => variant.name === rule)!.engine, name };
}

const onePastTheEnd = parseScenario(
  {
    events: [
      { cap: '0x4' },
      { filter: { flags: 'allow', ranges: [{ flags: 'rw', base: '0x174', nmsrs: 2, bitmap: { allow: [] } }] } },
      {
        access: [
          ['0x175', 'r'],
          ['0x176', 'r'],
        ],
      },
    ],
  },
  'test',
);

describe('explainDivergence', () => {
  it('says who stands alone, which rule is broken and why each engine decided so', () => {
    const engines = [reference, interval, vmx, svm, subject('range end inclusive', 'mine')];
    const options = { scenario: onePastTheEnd, kind: 'verdict', subject: 'mine', engines, config, ledger } as const;
    const explanation = explainDivergence(options)!;
    expect(explanation).toMatchObject({
      what: 'event 2, access 1: RDMSR 0x176',
      expected: 'allow',
      got: 'filter',
      standsAlone: ['mine'],
      rule: [{ name: 'range end inclusive' }],
    });
    expect(explanation.engines).toMatchObject([
      { engine: 'reference', result: 'allow', dissents: false, rule: 'no range matches: the default allows' },
      { engine: 'interval', result: 'allow', dissents: false },
      { engine: 'vmx', result: 'allow', dissents: false, route: 'passthrough' },
      { engine: 'svm', result: 'allow', dissents: false },
      { engine: 'mine', result: 'filter', dissents: true, range: 0, bit: 2, rule: 'first range that matches, bit 0' },
    ]);
    expect(JSON.parse(JSON.stringify(explanation))).toEqual(explanation);
    const lines = formatExplanation(explanation);
    expect(lines.slice(0, 5)).toEqual([
      'event 2, access 1: RDMSR 0x176: mine answers filter, expected allow',
      'mine stands alone',
      '',
      'Broken rule: range end inclusive',
      '  mine behaves, here and in every scenario tried around it, as an engine would in which a range also covers ' +
        'the MSR at base + nmsrs, one past its last',
    ]);
    expect(lines).toContain('  reference  allow   no range matches: the default allows');
    expect(lines).toContain('* mine       filter  first range that matches, bit 0 (range 0, bit 2)');
    expect(lines.every((line) => !line.includes('\n'))).toBe(true);
  });

  it('is undefined where nothing diverges, for an unknown engine and for time-outs', () => {
    const engines = [reference, interval, canary];
    const options = { scenario: onePastTheEnd, kind: 'verdict', engines, config, ledger } as const;
    expect(explainDivergence({ ...options, subject: 'interval' })).toBeUndefined();
    expect(explainDivergence({ ...options, subject: 'another' })).toBeUndefined();
    expect(explainDivergence({ ...options, kind: 'engine-timeout', subject: 'canary' })).toBeUndefined();
    expect(explainDivergence({ ...options, kind: 'errno', subject: 'canary' })).toBeUndefined();
  });

  it('names all engines that stand against the others, those aside that the ledger knows', () => {
    const scenario = parseScenario(
      {
        events: [
          { filter: { flags: 'deny', ranges: [{ flags: 'rw', base: '0x0', nmsrs: 1, bitmap: { allow: [] } }] } },
          { access: [['0x6e0', 'w']] },
        ],
      },
      'test',
    );
    const other: Engine = { ...canary, name: 'canary-2' };
    const engines = [reference, interval, { ...reference, name: 'reference-2' }, canary, other, vmx];
    const explanation = explainDivergence({ scenario, kind: 'verdict', subject: 'canary', engines, config, ledger })!;
    expect(explanation.standsAlone).toEqual(['canary', 'canary-2']);
    expect(formatExplanation(explanation)[1]).toBe('canary and canary-2 stand against the others');
    expect(explanation.engines.at(-1)).toMatchObject({ engine: 'vmx', result: 'allow', route: 'fastpath' });
  });

  it('states what the documentation says of an ioctl', () => {
    const scenario = parseScenario(
      { events: [{ filter: { flags: 'allow', ranges: [{ flags: 'r', base: '0x0', nmsrs: 12289, bitmap: null }] } }] },
      'test',
    );
    const engines = [reference, interval, subject('nmsrs limit 12289', 'mine')];
    const explanation = explainDivergence({ scenario, kind: 'errno', subject: 'mine', engines, config, ledger })!;
    expect(explanation).toMatchObject({
      expected: '-EINVAL',
      got: '-EFAULT',
      rule: [{ name: 'nmsrs limit 12289' }],
      documented: '-EINVAL: range 0: nmsrs 12289 needs 1544 bytes, more than 1536',
    });
  });

  it('explains a bitmap divergence by the rule of the audit', () => {
    const stale: Engine = {
      ...vmx,
      name: 'stale',
      createVm: (of) => Object.assign(vmx.createVm(of), { bitmap: () => new Uint8Array(4096).fill(0xff) }),
    };
    const scenario = parseScenario({ events: [{ filter: { flags: 'allow', ranges: [] } }] }, 'test');
    const engines = [reference, interval, stale];
    const kind = 'bitmap:needless-intercept';
    const explanation = explainDivergence({ scenario, kind, subject: 'stale', engines, config, ledger })!;
    expect(explanation.rule.map(({ name }) => name)).toEqual(['needless-intercept']);
    expect(explanation.engines.map(({ result }) => result)).toEqual(['ok', 'ok', 'wrong']);
    // No event has to come before: nothing that could be moved or changed is said not to matter.
    const alone = explainDivergence({ scenario: { events: [] }, kind, subject: 'stale', engines, config, ledger })!;
    expect(alone).toMatchObject({ event: -1, what: 'once the VM is created: RDMSR 0x10', freedom: [] });
  });

  it('survives engines that throw, also when asked why', () => {
    const throwing: Engine = {
      ...reference,
      name: 'throwing',
      createVm: (of) =>
        Object.assign(new ReferenceVm(of), {
          reply: () => {
            throw new Error('no reply');
          },
        }),
    };
    const mute: Engine = {
      ...canary,
      name: 'mute',
      createVm: (of) =>
        Object.assign(canary.createVm(of), {
          explain: () => {
            throw new Error('no idea');
          },
        }),
    };
    const reply = parseScenario({ events: [{ reply: { error: 0, data: '0x0' } }] }, 'test');
    const engines = [reference, interval, throwing, mute];
    const thrown = explainDivergence({
      scenario: reply,
      kind: 'engine-error',
      subject: 'throwing',
      engines,
      config,
      ledger,
    })!;
    expect(thrown).toMatchObject({ what: 'event 0 (reply): threw Error: no reply', rule: [] });
    expect(formatExplanation(thrown)).toContain('No single named rule explains it.');
    const why = explainDivergence({
      scenario: onePastTheEnd,
      kind: 'verdict',
      subject: 'mute',
      engines,
      config,
      ledger,
    })!;
    expect(why.engines.at(-1)).toMatchObject({ engine: 'mute', note: 'explain threw no idea' });
  });
});

describe('documentedErrno', () => {
  it('is what the reference answers, for every profile', () => {
    const rules = new Set<string>();
    for (const profile of KERNEL_PROFILES) {
      const vm = new ReferenceVm({ profile, base: config.base });
      const generator = new CaseGenerator(profile, 16);
      for (let n = 0; n < 300; n++) {
        for (const event of generator.generate(caseChoices(3n, n)).events) {
          if (event.kind !== 'filter' && event.kind !== 'cap') continue;
          const answer =
            event.kind === 'cap' ? vm.enableCap(event) : vm.setFilter(event.filter, event.delivery ?? 'normal');
          const { errno, rule } = documentedErrno(event, profile);
          expect(resultText('errno', errno)).toBe(resultText('errno', answer));
          rules.add(rule.replace(/0x[0-9a-f]+|\d+/g, '#'));
        }
      }
    }
    expect(rules.size).toBe(13);
  });
});
