import { describe, expect, it } from 'vitest';
import { decodeFilter } from '../model/filter-binary.ts';
import { formatScenario, parseScenario } from '../model/scenario-json.ts';
import { EXPORT_FORMATS, type ExportFormat, handOver } from './hand-over.ts';
import { DENY_SYSENTER, subjectOf } from './scenarios.fixture.ts';
import type { DivergenceFacts, ExportSubject } from './subject.ts';

const FACTS: DivergenceFacts = {
  id: '00112233445566aa',
  kind: 'verdict',
  subject: 'mine',
  expected: 'filter',
  got: 'allow',
  results: { reference: 'filter', mine: 'allow', kvm: '-' },
  message: '',
  engines: [
    { kind: 'built-in', name: 'reference' },
    { kind: 'module', path: '/home/me/my engine.mjs', sha256: '' },
  ],
  firstCampaign: 3,
  seed: '7',
  reliability: 1,
  cases: 12,
  firstSeen: '2026-01-02T03:04:05.678Z',
  lastSeen: '2026-02-03T04:05:06.789Z',
};

const SUBJECT = subjectOf(DENY_SYSENTER, formatScenario(DENY_SYSENTER));
const DIVERGENCE: ExportSubject = { ...SUBJECT, source: FACTS.id, divergence: FACTS };

const withFacts = (facts: Partial<DivergenceFacts>): ExportSubject => ({
  ...DIVERGENCE,
  divergence: { ...FACTS, ...facts },
});
const text = (format: ExportFormat, subject: ExportSubject): string => handOver(format, subject).bytes as string;

describe('handOver', () => {
  it.each(Object.keys(EXPORT_FORMATS) as ExportFormat[])('%s: names a file for a hostile id', (format) => {
    const { fileName } = handOver(format, withFacts({ id: '../../etc/"x\n12' }));
    expect(fileName).toMatch(/^[\w.-]+$/);
    expect(fileName).not.toContain('..');
  });

  it('hands a vitest file over', () => {
    expect(text('vitest', DIVERGENCE)).toMatchSnapshot();
  });

  it('hands an engine that did not return over in a process of its own', () => {
    expect(text('vitest', withFacts({ kind: 'engine-timeout' }))).toMatchSnapshot();
  });

  it('imports what msrdiff brings along', () => {
    const engines = [{ kind: 'built-in', name: 'vmx' }] as const;
    expect(text('vitest', withFacts({ subject: 'vmx', engines }))).toContain("const engine = builtInEngine('vmx');");
  });

  it.each<[string, Partial<DivergenceFacts>]>([
    ['says what a test expects', { subject: 'reference' }],
    ['no module that a test could import', { subject: 'kvm', engines: [{ kind: 'kernel', name: 'kvm', options: {} }] }],
    ['no module that a test could import', { subject: 'tool', engines: [{ kind: 'command', command: './tool' }] }],
  ])('refuses a vitest file: %s', (message, facts) => {
    expect(() => handOver('vitest', withFacts(facts))).toThrow(message);
  });

  describe('binary', () => {
    const filter = (base: string, nmsrs: number) => ({
      filter: { flags: 'deny', ranges: [{ flags: 'rw', base, nmsrs, bitmap: { allow: [base] } }] },
    });
    // Accepted, accepted, refused for its size.
    const refused = { filter: { flags: 'deny', ranges: [{ flags: 'rw', base: '0x30', nmsrs: 65, bitmap: '00' }] } };
    const events = [filter('0x10', 1), filter('0x20', 2), refused, { access: [['0x10', 'r']] }];
    const several: ExportSubject = { ...SUBJECT, scenario: parseScenario({ events }, 'test') };
    const baseOf = (subject: ExportSubject, event?: number): number => {
      const { bytes } = handOver('binary', subject, { event });
      return decodeFilter(bytes as Uint8Array, 'test').ranges[0]!.base;
    };

    it('is the filter in force, or the one that is asked for', () => {
      expect(baseOf(several)).toBe(0x20);
      expect(baseOf(several, 0)).toBe(0x10);
      expect(baseOf(several, 2)).toBe(0x30);
      expect(baseOf({ ...several, divergence: { ...FACTS, kind: 'errno' } })).toBe(0x30);
    });

    it('reads back as it was', () => {
      const { bytes } = handOver('binary', SUBJECT);
      const event = DENY_SYSENTER.events[2]!;
      const read = decodeFilter(bytes as Uint8Array, 'test');
      // A slot without MSRs at the end is no slot.
      expect({ ...read, ranges: read.ranges.slice(0, 1) }).toEqual(
        event.kind === 'filter' ? { ...event.filter, ranges: event.filter.ranges.slice(0, 1) } : undefined,
      );
    });
  });

  describe('markdown', () => {
    it('has everything', () => {
      const history = [{ at: '2026-01-05T00:00:00Z', author: 'me', status: 'triaged', note: 'Looks right' }] as const;
      const report = text('markdown', withFacts({ status: 'triaged', history }));
      expect(report.replace(/```c\n[\s\S]*?\n```/, '```c\n```')).toMatchSnapshot();
      expect(report).toContain('access_msr(RDMSR, 0x174, 0x0ull, EXIT_FILTER);');
    });

    it('says why there is no program', () => {
      const scenario = parseScenario({ events: [{ ignoreMsrs: true }] }, 'test');
      expect(text('markdown', { ...DIVERGENCE, scenario })).toContain(
        'There is no program for `/dev/kvm`: event 0: ignoreMsrs is nothing that a program can do',
      );
    });

    it('is not broken by names, messages and notes', () => {
      const hostile =
        '</td><script>alert(1)</script>`x` | y\n\n# Title\n```\n- @all [a](http://b) ![c](d) www.e.fr *f*';
      const subject: ExportSubject = {
        ...withFacts({
          subject: hostile,
          message: hostile,
          got: hostile,
          seed: hostile,
          firstSeen: hostile,
          results: { [hostile]: hostile },
          engines: [
            { kind: 'command', command: `${hostile}'; rm` },
            { kind: 'module', path: hostile, sha256: '' },
          ],
          history: [{ at: hostile, author: hostile, status: null, note: hostile }],
        }),
        source: hostile,
        version: hostile,
        explanation: { refused: hostile },
      };
      const explained: ExportSubject = {
        ...subject,
        explanation: {
          ...{ kind: 'verdict', subject: hostile, event: 3, access: 0, what: hostile, expected: hostile, got: hostile },
          standsAlone: [hostile],
          rule: [{ name: hostile, sentence: hostile, source: hostile }],
          documented: hostile,
          freedom: [{ field: hostile, text: hostile, held: [], failed: [] }],
          engines: [{ engine: hostile, result: hostile, dissents: true, rule: hostile, route: hostile, note: hostile }],
        },
      };
      for (const candidate of [subject, explained]) expectHarmless(text('markdown', candidate));
      // The program's comment ends where it should.
      const title = text('c', withFacts({ subject: 'x */ int evil; /* **// \n*/' }));
      expect(title.slice(0, title.indexOf('*/'))).toContain('Exit status: 0');
      expect(text('vitest', withFacts({ subject: 'x\nprocess.exit()' }))).not.toMatch(/^process/m);
    });
  });
});

/** The report without its blocks of code; fails if one is not closed. */
function withoutFences(report: string): string {
  const kept: string[] = [];
  let fence = '';
  for (const line of report.split('\n')) {
    const mark = /^`{3,}/.exec(line)?.[0];
    if (fence === '' && mark) fence = mark;
    else if (fence !== '') fence = line === fence ? '' : fence;
    else kept.push(line);
  }
  expect(fence).toBe('');
  return kept.join('\n');
}

/** That no text of unknown origin makes an element, a mention, a link, a heading or a cell. */
function expectHarmless(report: string): void {
  const outside = withoutFences(report);
  expect(outside).not.toMatch(/<|>/);
  expect(outside).not.toMatch(/(?<!\\)@/);
  expect(outside).not.toMatch(/(?<!\\)\]\(/);
  expect(outside).not.toMatch(/https?:\/\/|www\.(?!\\)/);
  expect(outside.match(/^#.*$/gm)!.map((heading) => heading.replace(/^# .*/, '#'))).toEqual([
    ...['#', '## Results', '## Broken rule'],
    ...(outside.includes('## What else was tried') ? ['## What else was tried'] : []),
    ...['## Scenario', '## Filter of event 2', '## How to reproduce', '## History'],
  ]);
  for (const line of outside.split('\n').filter((row) => row.startsWith('|'))) {
    // Of two, three and six columns.
    expect([3, 4, 7]).toContain(line.match(/(?<!\\)\|/g)!.length);
  }
}
