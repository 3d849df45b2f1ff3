import { createHmac } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import type { NightlyConfig } from '../../src/nightly/define-config.ts';
import type { NightReport } from '../../src/nightly/report.ts';
import { Store } from '../../src/store/store.ts';
import { exited, lastJson, msrdiff, type Outcome, ROOT, scratchFolder, start } from './cli.ts';

const root = scratchFolder();

/** The end of a range belongs to it: the mistake that is planted; without it, the engine is right. */
const engine = (mistake: boolean): string => `export const name = 'planted';
export function allowed(filter, index, write) {
  if (filter === null) return true;
  if (index >= 0x800 && index <= 0x8ff) return true;
  for (const { base, nmsrs, flags, bitmap } of filter.ranges) {
    const end = (base + nmsrs) >>> 0;
    if (index < base || index ${mistake ? '>' : '>='} end) continue;
    if ((flags & (write ? 2 : 1)) === 0) continue;
    const bit = index - base;
    return ((bitmap[bit >> 3] >> (bit & 7)) & 1) === 1;
  }
  return filter.flags === 0;
}
`;

/** A folder with an engine and a configuration for it. */
class Place {
  readonly folder: string;
  readonly database: string;
  readonly config: string;

  constructor(name: string, config: NightlyConfig = {}) {
    this.folder = join(root, name);
    this.database = join(this.folder, 'results/msrdiff.db');
    this.config = join(this.folder, 'msrdiff.config.json');
    mkdirSync(this.folder);
    this.plant(true);
    this.configure(config);
  }

  plant(mistake: boolean): void {
    writeFileSync(join(this.folder, 'planted.mjs'), engine(mistake));
  }

  configure(config: NightlyConfig): void {
    const usual = {
      ...{ budget: 120, grace: 60, shares: { conformance: 0.3, recheck: 0.3, proofs: 0.3 } },
      campaign: { engines: ['reference', 'interval'], engineModules: ['planted.mjs'], cases: 64, workers: 2 },
    };
    writeFileSync(this.config, JSON.stringify({ ...usual, ...config }));
  }

  args(...more: string[]): string[] {
    return ['nightly', '--config', this.config, ...more];
  }

  night(...more: string[]): { outcome: Outcome; report: NightReport & { reports: string } } {
    const outcome = msrdiff(...this.args('--json', ...more));
    return { outcome, report: lastJson(outcome) as unknown as NightReport & { reports: string } };
  }

  triage(id: string, status: string): void {
    const { code } = msrdiff('triage', id, '--status', status, '--author', 'kim', '--database', this.database);
    expect(code).toBe(0);
  }
}

describe('nights', () => {
  test('find, know again, reopen, and tell what is gone', () => {
    const place = new Place('course');
    const first = place.night();
    expect(first.outcome.code).toBe(1);
    const [found] = first.report.divergences;
    expect(found).toMatchObject({ change: 'new', subject: 'planted', kind: 'verdict', rules: ['range end inclusive'] });
    const reproducer = join(first.report.reports, found!.reproducer!);
    const replay = ['replay', reproducer, '--engines', 'reference'];
    expect(msrdiff(...replay, '--engine-module', join(place.folder, 'planted.mjs')).code).toBe(1);
    for (const name of ['report.json', 'junit.xml', 'results.sarif', 'summary.md', 'report.html']) {
      expect(readFileSync(join(place.folder, 'results/nightly/latest', name), 'utf8')).not.toBe('');
    }

    // Other cases, and nothing that the database does not know.
    const second = place.night();
    expect(second.outcome.code).toBe(0);
    expect(second.report.divergences).toMatchObject([{ id: found!.id, change: 'seen', status: 'new' }]);
    expect(second.report.campaigns[0]!.seed).not.toBe(first.report.campaigns[0]!.seed);
    expect(second.report.comparison).toMatchObject({ with: first.report.startedAt, notSeen: [] });

    // Said to be fixed, and is not.
    place.triage(found!.id, 'fixed');
    const third = place.night();
    expect(third.outcome.code).toBe(1);
    expect(third.report.rechecks).toMatchObject([{ id: found!.id, status: 'fixed', result: 'diverges' }]);
    expect(third.report.divergences).toMatchObject([{ id: found!.id, change: 'reopened', status: 'new' }]);
    const said = lastJson(msrdiff('triage', found!.id, '--json', '--database', place.database));
    expect(said).toMatchObject({ status: 'new', reopened: 1 });
    expect((said.history as { note: string }[]).at(-1)!.note).toMatch(/^diverges again: re-check of 20/);

    // Known, and gone.
    place.triage(found!.id, 'known');
    place.plant(false);
    const fourth = place.night();
    expect(fourth.outcome.code).toBe(0);
    expect(fourth.report.rechecks).toMatchObject([{ id: found!.id, status: 'known', result: 'agrees' }]);
    const { notSeen } = fourth.report.comparison!;
    expect(notSeen).toEqual([found!.id]);
    const summary = readFileSync(join(fourth.report.reports, 'summary.md'), 'utf8');
    expect(summary).toContain(`known divergence ${found!.id} no longer diverges: mark it fixed?`);
    // It was reopened once: how long it takes to show is drawn, over three nights.
    expect(readFileSync(join(fourth.report.reports, 'report.html'), 'utf8')).toContain('Cases to first exposure');
  }, 240_000);

  test('count mismatches with recordings and disproofs as findings', () => {
    const recording = join(ROOT, 'test/ground-truth/linux-6.18-emulator-x2apic.jsonl.gz');
    const place = new Place('others', {
      campaign: false,
      conformance: { recordings: [recording], engines: ['reference', 'canary'] },
      proofs: [
        ['--ranges', '1', '--engine-module', 'planted.mjs'],
        ['--ranges', '1'],
      ],
    });
    const { outcome, report } = place.night();
    expect(outcome.code).toBe(1);
    expect(report.conformance.map(({ engine, mismatches }) => [engine, mismatches > 0])).toEqual([
      ['reference', false],
      ['canary', true],
    ]);
    const [disproven, proven] = report.proofs;
    expect([disproven!.outcome, proven!.outcome]).toEqual(['disproven', 'proven']);
    expect(existsSync(join(place.folder, 'results/nightly', proven!.certificate))).toBe(true);
    expect(report.divergences).toMatchObject([{ id: disproven!.divergence, change: 'new' }]);
  }, 120_000);

  test('go on with a proof that was not finished', () => {
    const place = new Place('proof', { campaign: false, proofs: [['--ranges', '3', '--workers', '1']] });
    const { outcome, report } = place.night('--budget', '5');
    expect(outcome.code).toBe(0);
    expect(report.budget).toBe(5);
    expect(report.steps).toMatchObject([{ kind: 'proof', state: 'unfinished' }]);
    const again = place.night('--budget', '5');
    expect(again.report.steps[0]!.command).toContain('--resume');
    expect(again.report.proofs[0]!.shards!.done).toBeGreaterThan(report.proofs[0]!.shards!.done);
  }, 120_000);

  test('outlive a step that dies and an engine that is missing', () => {
    const place = new Place('faults', {
      campaign: { engines: ['reference'], engineModules: ['gone.mjs'], cases: 64 },
      proofs: [['--ranges', '1']],
    });
    const { outcome, report } = place.night();
    expect(outcome.code).toBe(3);
    expect(report.steps).toMatchObject([
      { kind: 'proof', state: 'done' },
      { kind: 'campaign', state: 'unavailable', message: expect.stringContaining('gone.mjs cannot be read') },
    ]);
    expect(readdirSync(join(report.reports, 'logs'))).toEqual(['campaign-newest.log']);

    // An engine that ends the process: what it takes down is the step.
    writeFileSync(join(place.folder, 'gone.mjs'), 'process.kill(process.pid, "SIGKILL");');
    const second = place.night();
    expect(second.outcome.code).toBe(70);
    expect(second.report.steps[1]).toMatchObject({ state: 'crashed', message: 'ended by SIGKILL' });
  }, 120_000);

  test('prune, but never what nobody has triaged', async () => {
    const place = new Place('prune');
    const [found] = place.night().report.divergences;
    // A day and a night pass.
    const day = 1.5 / 86_400;
    await new Promise((resolve) => setTimeout(resolve, 2000));
    const limits = { days: day, megabytes: 0.000001 };
    place.configure({ campaign: false, retention: { reports: limits, database: limits } });
    const untriaged = place.night();
    expect(untriaged.outcome.code).toBe(0);
    expect(readdirSync(join(place.folder, 'results/nightly')).sort()).toEqual([untriaged.report.folder, 'latest']);
    const ids = async (): Promise<string[]> => {
      const store = await Store.open(place.database, { readOnly: true });
      try {
        return (await store.divergences()).map(({ id }) => id);
      } finally {
        await store.close();
      }
    };
    expect(await ids()).toEqual([found!.id]);
    place.triage(found!.id, 'wont-fix');
    await new Promise((resolve) => setTimeout(resolve, 2000));
    place.night();
    expect(await ids()).toEqual([]);
  }, 120_000);
});

describe('a night', () => {
  test('keeps what it has when it is interrupted', async () => {
    const place = new Place('interrupted', {
      campaign: { engines: ['reference', 'interval'], engineModules: ['planted.mjs'], workers: 1 },
      ...{ budget: 600, shares: {} },
    });
    const child = start(...place.args('--json'));
    const ended = exited(child);
    const stored = async (): Promise<number> => {
      if (!existsSync(place.database)) return 0;
      const store = await Store.open(place.database, { readOnly: true });
      try {
        return (await store.divergences()).length;
      } finally {
        await store.close();
      }
    };
    await vi.waitFor(async () => expect(await stored()).toBeGreaterThan(0), { timeout: 60_000, interval: 500 });

    // While it runs, another one is refused.
    const other = msrdiff(...place.args());
    expect(other.code).toBe(2);
    expect(other.stderr).toMatch(/^msrdiff: another night is running on database [^\n]*\n$/);

    child.kill('SIGINT');
    const outcome = await ended;
    expect(outcome.code).toBe(130);
    const report = lastJson(outcome) as unknown as NightReport & { reports: string };
    expect(report).toMatchObject({ interrupted: true, steps: [{ kind: 'campaign', state: 'interrupted', code: 130 }] });
    expect(report.divergences).toMatchObject([{ change: 'new' }]);
    expect(existsSync(join(report.reports, 'report.html'))).toBe(true);
    expect(report.campaigns[0]!.cases).toBeGreaterThan(0);
  }, 120_000);

  test('is told to a webhook, signed; one that fails changes nothing', async () => {
    const received: { signature: unknown; body: string }[] = [];
    let status = 200;
    const server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => (body += chunk));
      request.on('end', () => {
        received.push({ signature: request.headers['x-msrdiff-signature-256'], body });
        response.writeHead(status).end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    process.env.MSRDIFF_TEST_SECRET = 'key';
    try {
      const webhook = { url, secretEnv: 'MSRDIFF_TEST_SECRET' };
      const place = new Place('webhook', { webhook });
      const first = await exited(start(...place.args()));
      expect(first).toMatchObject({ code: 1, stderr: '' });
      expect(first.stdout).toContain('campaign newest: found');
      const [{ signature, body }] = received as [{ signature: string; body: string }];
      expect(signature).toBe(`sha256=${createHmac('sha256', 'key').update(body).digest('hex')}`);
      expect(JSON.parse(body)).toMatchObject({ version: 1, exitCode: 1, divergences: [{ change: 'new' }] });

      status = 404;
      const second = await exited(start(...place.args('--json')));
      expect(second.code).toBe(0);
      expect(second.stderr).toMatch(/msrdiff: webhook at 127\.0\.0\.1:\d+: answers with status 404/);
      expect(lastJson(second).warnings).toEqual([expect.stringContaining('answers with status 404')]);
    } finally {
      delete process.env.MSRDIFF_TEST_SECRET;
      server.close();
    }
  }, 120_000);

  test.each([
    ['a key', { budgte: 3 }, /msrdiff\.config\.json: budgte: no such key/],
    ['a value', { campaign: { seed: 'x' } }, /campaign\.seed: /],
    ['a recording', { conformance: { recordings: ['none/*.gz'] } }, /conformance\.recordings: none\/\*\.gz holds no/],
  ])('does not begin with a wrong configuration: %s', (name, config, pattern) => {
    const place = new Place(`wrong ${name}`, config as NightlyConfig);
    const { code, stderr } = msrdiff(...place.args());
    expect(code).toBe(2);
    expect(stderr).toMatch(pattern);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(readdirSync(place.folder).sort()).toEqual(['msrdiff.config.json', 'planted.mjs']);
  });
});
