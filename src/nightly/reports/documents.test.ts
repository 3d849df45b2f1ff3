import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { divergence, HOSTILE, hostileNight, night } from '../report.fixture.ts';
import { type Curve, trendOf } from './figures.ts';
import { html } from './html.ts';
import { junit } from './junit.ts';
import { markdown } from './markdown.ts';
import { payload } from './payload.ts';
import { sarif } from './sarif.ts';

const PLACES = { reports: '/checkout/results/nightly', config: '/checkout/examples', root: '/checkout' };
const CURVES: Curve[] = [
  {
    ...{ id: 'aa11', subject: HOSTILE, status: 'fixed' },
    points: [
      { cases: 0, share: 1 },
      { cases: 12, share: 0.5 },
      { cases: 4000, share: 0.25 },
    ],
  },
];

/** A reader that is not ours: prints every element as [tag, attributes, text]. */
const READER = `
import sys, json, xml.dom.minidom
document = xml.dom.minidom.parseString(sys.stdin.buffer.read())
print(json.dumps([[e.tagName, dict(e.attributes.items()), ''.join(n.data for n in e.childNodes if n.nodeType == 3)]
                  for e in document.getElementsByTagName('*')]))`;
const parser = spawnSync('python3', ['-c', READER], { input: '<a/>' }).status === 0;

type XmlElement = [tag: string, attributes: Record<string, string>, text: string];

function parsed(xml: string): XmlElement[] {
  const { status, stdout, stderr } = spawnSync('python3', ['-c', READER], { input: xml, encoding: 'utf8' });
  expect(stderr).toBe('');
  expect(status).toBe(0);
  return JSON.parse(stdout) as XmlElement[];
}

describe.skipIf(!parser)('JUnit XML, read by another parser', () => {
  const elements = (report = hostileNight()): XmlElement[] => parsed(junit(report));

  it('is well-formed and keeps hostile text as text', () => {
    const failures = elements().filter(([tag]) => tag === 'failure');
    // What XML cannot hold is replaced, and nothing else.
    const kept = HOSTILE.replace('\u0000\u001b', '\ufffd\ufffd').replace('\ud800', '\ufffd');
    const [, { type, message }] = failures.find(([, { message }]) => message!.startsWith('new: '))!;
    expect({ type, message }).toEqual({ type: 'verdict', message: `new: ${kept}` });
    expect(new Set(elements().map(([tag]) => tag))).toEqual(
      new Set(['testsuites', 'testsuite', 'testcase', 'failure', 'error', 'skipped']),
    );
  });

  it('counts what it holds', () => {
    const all = elements();
    const [[, totals]] = all.filter(([tag]) => tag === 'testsuites') as [XmlElement];
    const count = (tag: string): string => String(all.filter(([name]) => name === tag).length);
    expect(totals).toMatchObject({ tests: count('testcase'), failures: count('failure') });
    expect(totals).toMatchObject({ errors: count('error'), skipped: count('skipped'), time: '3599.5' });
    expect([count('testcase'), count('failure'), count('error'), count('skipped')]).toEqual(['8', '4', '2', '2']);
    const suites = all.filter(([tag]) => tag === 'testsuite').map(([, { tests }]) => Number(tests));
    expect(suites.reduce((a, b) => a + b)).toBe(8);
  });

  it('is a report of no failures for a night without findings', () => {
    const [[, totals]] = elements(night({ divergences: [divergence('cc', { change: 'seen' })] })) as [XmlElement];
    expect(totals).toMatchObject({ tests: '1', failures: '0', errors: '0', skipped: '1' });
  });

  it('does not fail for mismatches of the last night', () => {
    const { steps, conformance } = hostileNight();
    const again = night({ steps: steps.slice(0, 1), conformance: conformance.map((one) => ({ ...one, known: true })) });
    const [[, totals]] = elements(again) as [XmlElement];
    expect(totals).toMatchObject({ tests: '1', failures: '0', errors: '0', skipped: '1' });
  });
});

describe('SARIF', () => {
  const log = JSON.parse(sarif(hostileNight(), PLACES));
  const [run] = log.runs;

  it('has what the schema of 2.1.0 requires', () => {
    // sarifLog: version, runs; run: tool; tool: driver; toolComponent: name; reportingDescriptor: id; result: message;
    // invocation: executionSuccessful; message: text or id.
    expect(log).toMatchObject({ version: '2.1.0', $schema: expect.stringContaining('sarif-schema-2.1.0.json') });
    expect(run.tool.driver).toMatchObject({ name: 'msrdiff', version: '0.1.0' });
    expect(run.invocations[0].executionSuccessful).toBe(false);
    for (const rule of run.tool.driver.rules) {
      expect(rule).toMatchObject({ id: expect.stringMatching(/^\S/), shortDescription: { text: expect.any(String) } });
    }
    const ids = run.tool.driver.rules.map(({ id }: { id: string }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { ruleId, ruleIndex, level, message, locations, partialFingerprints } of run.results) {
      expect(ids[ruleIndex]).toBe(ruleId);
      expect(['error', 'warning']).toContain(level);
      expect(message.text).not.toBe('');
      const { artifactLocation, region } = locations[0].physicalLocation;
      expect(artifactLocation.uri).not.toMatch(/[\s<>"\\^`{|}]/);
      expect(region.startLine).toBeGreaterThan(0);
      expect(Object.values(partialFingerprints).every((value) => typeof value === 'string')).toBe(true);
    }
  });

  it('reports new and reopened divergences under their reproducers, mismatches and disproofs', () => {
    const all = run.results.map((result: never) => {
      const { level, partialFingerprints, locations } = result as Record<string, never>;
      return [level, partialFingerprints!['divergence/v1'], locations![0]];
    });
    expect(all).toHaveLength(4);
    const at = (uri: string): object => ({ physicalLocation: expect.objectContaining({ artifactLocation: { uri } }) });
    const folder = 'results/nightly/2026-11-21T01-00-00Z/reproducers';
    expect(all[0]).toEqual(['error', 'aa11', at(`${folder}/aa11.json`)]);
    expect(all[1]).toEqual(['warning', 'bb22', at(`${folder}/bb22.json`)]);
    expect(all[3]).toEqual(['error', expect.stringMatching(/^disproof /), at('results/nightly/proofs/x.json')]);
  });

  it('keeps what waits to be mended, seen or not, as code scanning would close its alert', () => {
    const seen = divergence('a', { change: 'seen', status: 'triaged' });
    const waiting = divergence('b', { change: 'seen', status: 'triaged', cases: 0 });
    const known = divergence('c', { change: 'seen', status: 'known' });
    const text = sarif(night({ divergences: [divergence('d'), seen, known], waiting: [waiting] }), PLACES);
    const results = JSON.parse(text).runs[0].results as Record<string, Record<string, string>>[];
    expect(
      results.map(({ partialFingerprints, baselineState }) => [partialFingerprints!['divergence/v1'], baselineState]),
    ).toEqual([
      ['d', 'new'],
      ['a', 'unchanged'],
      ['b', 'unchanged'],
    ]);
  });

  it('names the broken rule where one explains it, else the kind', () => {
    const rules = (...names: string[]): string[] => {
      const text = sarif(night({ divergences: [divergence('a', { rules: names })] }), PLACES);
      return JSON.parse(text).runs[0].results.map(({ ruleId }: { ruleId: string }) => ruleId);
    };
    expect(rules('range end inclusive')).toEqual(['rule/range-end-inclusive']);
    expect(rules('one', 'other')).toEqual(['kind/verdict']);
  });
});

describe('Markdown', () => {
  it('holds no HTML, no link and no broken table for hostile text', () => {
    const text = markdown(hostileNight(), CURVES);
    expect(text).not.toMatch(/<(?!\/?$)/);
    expect(text).not.toMatch(/https?:\/\/|www\.|@|\p{Cc}(?<!\n)/u);
    const tables = text.split('\n\n').filter((part) => part.startsWith('|'));
    expect(tables.length).toBeGreaterThan(5);
    for (const table of tables) {
      const cells = table
        .trim()
        .split('\n')
        .map((line) => line.replaceAll('\\|', '').split('|').length);
      expect(new Set(cells).size).toBe(1);
    }
  });

  it('says what is to be done', () => {
    const text = markdown(hostileNight(), CURVES);
    expect(text).toMatch(/^# msrdiff nightly: 4 new findings, 2 steps failed, 1 skipped\n/);
    expect(text).toContain('known divergence cc33 no longer diverges: mark it fixed?');
    expect(text).toContain('| accesses per second | 10 | 5 | −50 % |');
    expect(markdown(night(), [])).toMatch(/^# msrdiff nightly: nothing new\n/);
  });
});

describe('HTML', () => {
  const page = html(
    hostileNight(),
    trendOf([night({ startedAt: '2026-11-20T01:00:00.000Z' }), hostileNight()]),
    CURVES,
  );

  it('needs nothing else and runs nothing', () => {
    expect(page).not.toMatch(/<(script|link|img|iframe|object|embed|base|form|use|image|foreignObject)\b/i);
    expect(page).not.toMatch(/\s(src|href|srcset|on\w+|style|xlink:href)\s*=\s*"/i);
    expect(page).not.toMatch(/@import|url\(/);
    expect(page).toContain('prefers-color-scheme:dark');
  });

  it('shows hostile text as text', () => {
    expect(page).toContain('&lt;script src=&quot;https://evil.example/x.js&quot;&gt;\ufffd\ufffd[31m]]&gt;&amp;amp;');
    const tags = [...page.matchAll(/<\/?([a-z]\w*)/gi)].map(([, name]) => name);
    expect(new Set(tags)).toEqual(
      new Set(
        'html head meta title style body h1 h2 span p ul li div table thead tbody tr th td figure figcaption strong svg line text path'.split(
          ' ',
        ),
      ),
    );
  });

  it('draws trend and survival', () => {
    const curves = [...page.matchAll(/<path class="curve c\d" d="([^"]+)"/g)].map(([, path]) => path!);
    // Features, pairs, two throughputs, findings; then survival, by steps: down at 12, and at the end.
    expect(curves).toHaveLength(6);
    expect(curves[5]).toMatch(/^M70\.0 30\.0H[\d.]+V133\.0H700\.0V184\.5$/);
    for (const path of curves) expect(path).not.toContain('NaN');
    // 9,000 accesses per second at a top of 10,000.
    expect(curves[3]).toMatch(/^M70\.0 50\.6L700\.0 50\.6$/);
  });
});

describe('the payload of a webhook', () => {
  it('has a version and what is new', () => {
    expect(JSON.parse(payload(hostileNight()))).toMatchObject({
      ...{
        version: 1,
        event: 'night',
        exitCode: 1,
        headline: '4 new findings, 2 steps failed, 1 skipped',
        seenAgain: 1,
      },
      divergences: [
        { id: 'aa11', change: 'new', message: HOSTILE },
        { id: 'bb22', change: 'reopened' },
      ],
      noLongerDiverge: [{ id: 'cc33', status: 'known' }],
      mismatches: [{ mismatches: 3, checks: 10 }],
      disproofs: [{ args: [HOSTILE], certificate: 'proofs/x.json' }],
      coverage: { features: 2, of: 158, pairs: 17 },
      throughput: { casesPerSecond: 100, accessesPerSecond: 9000 },
    });
  });
});
