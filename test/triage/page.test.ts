import { join } from 'node:path';
import axe from 'axe-core';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { Store } from '../../src/store/store.ts';
import { exited, msrdiff, scratchFolder, start } from '../e2e/cli.ts';
import { hasBrowser, launch, PAGE_TIMEOUT_MS, serve, watch } from './browser.ts';
import { PLANTED_ENGINES, writeEngine } from './engines.ts';

const folder = scratchFolder();
const SCHEMES = [
  { colorScheme: 'light', viewport: { width: 1280, height: 900 } },
  { colorScheme: 'dark', viewport: { width: 1280, height: 900 } },
  { colorScheme: 'dark', viewport: { width: 390, height: 844 } },
] as const;
const SCENARIO = `{"events": [
  {"filter": {"flags": "allow", "ranges": [{"flags": "r", "base": "0x0", "nmsrs": 1, "bitmap": {"allow": []}}]}},
  {"access": [["0x1", "r"]]}
]}
`;
/** Runs if anything of it is taken for HTML. */
const HOSTILE = `<img src=x onerror="window.broken = true"><script>window.broken = true</script>"'&`;

let browser: Browser;
const ready = hasBrowser ? launch() : undefined;

/** A database with so many divergences, as a campaign leaves them. */
async function database(name: string, divergences: number, hostile = false): Promise<string> {
  const path = join(folder, name);
  const store = await Store.open(path);
  const engine = (i: number): string => (hostile ? HOSTILE : `engine-${i % 20}`);
  const names = ['reference', ...Array.from({ length: hostile ? 1 : 20 }, (_, i) => engine(i))];
  const campaign = await store.createCampaign('1', '6.18', names, { cases: null, seconds: null });
  const found = Array.from({ length: divergences }, (_, i) => ({
    id: i.toString(16).padStart(16, '0'),
    kind: 'verdict',
    subject: engine(i),
    profile: '6.18',
    scenario: SCENARIO,
    vector: { reference: 0, [engine(i)]: 1 },
    expected: 0,
    got: 1,
    message: hostile ? HOSTILE : '',
    size: 5 + (i % 50),
    evaluations: 60,
    reliability: 1,
    msr: i,
    write: i % 2 === 1,
    rules: hostile ? [HOSTILE] : ['range end inclusive'],
    firstCase: i,
    cases: 1,
  }));
  const totals = { cases: 10_000, accesses: 1e8, seconds: 10, digest: '', known: {} };
  const covered = { features: 150, pairs: 3000 };
  const shard = { campaign, shard: 0, digest: '', result: null, divergences: found, totals, covered };
  await store.recordShard(shard, [{ kind: 'built-in', name: 'reference' }]);
  await store.finishCampaign(campaign, 'finished', { features: {}, featuresSeen: 150, pairsSeen: 3000 });
  await store.close();
  return path;
}

async function context(options: Parameters<Browser['newContext']>[0] = {}): Promise<BrowserContext> {
  const made = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  made.setDefaultTimeout(PAGE_TIMEOUT_MS);
  return made;
}

const summary = (page: Page): Promise<string | null> => page.getByTestId('verdict-summary').textContent();

interface AxeResult {
  readonly violations: readonly { readonly id: string; readonly nodes: readonly { readonly html: string }[] }[];
}

/** Rules of WCAG 2, levels A and AA, that the page breaks. The page's own policy lets no script of ours in. */
async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const { violations: found } = await page.evaluate<AxeResult>(
    `axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'] })`,
  );
  return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
}

describe.runIf(hasBrowser)('the triage page', () => {
  let address = '';
  let path = '';
  let id = '';
  beforeAll(async () => {
    browser = await ready!;
    for (const name of PLANTED_ENGINES) writeEngine(folder, name, false);
    path = join(folder, 'page.db');
    const modules = PLANTED_ENGINES.flatMap((name) => ['--engine-module', join(folder, `${name}.mjs`)]);
    msrdiff('fuzz', '--database', path, '--cases', '64', '--seed', '6', '--engines', 'reference,vmx', ...modules);
    const list: { id: string; subject: string }[] = JSON.parse(msrdiff('list', '--database', path, '--json').stdout);
    id = list.find(({ subject }) => subject === 'inclusive-end')!.id;
    ({ address } = await serve('--database', path));
  });

  describe.each(SCHEMES)('in $colorScheme at $viewport.width', (scheme) => {
    test.each([
      ['/', 'region', /Engines against engines/],
      ['/divergences', 'cell', 'range end inclusive'],
      ['/divergences/ID', 'cell', 'its allowed() says false'],
      ['/playground', 'region', 'Verdicts'],
    ] as const)('%s is accessible, and nothing of it is refused', async (where, role, name) => {
      const own = await context(scheme);
      const page = await own.newPage();
      const complaints = watch(page);
      await page.goto(address + where.replace('ID', id));
      await page.getByRole(role, { name }).first().waitFor();
      expect(await violations(page)).toEqual([]);
      // Nothing but tables and pictures is wider than the screen, and those scroll by themselves.
      expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
      expect(complaints).toEqual([]);
      await own.close();
    });
  });

  test('is worked by keys alone', async () => {
    const page = await (await context()).newPage();
    await page.goto(`${address}/divergences`);
    await page.getByRole('row').nth(3).waitFor();
    await page.keyboard.press('j');
    await page.keyboard.press('j');
    await page.keyboard.press('k');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: /^Divergence [0-9a-f]{16}$/ }).waitFor();
    await page.goBack();
    await page.getByRole('row').nth(3).waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type('inclusive');
    await expect.poll(() => page.getByRole('row').count()).toBe(2);
    expect(new URL(page.url()).search).toContain('inclusive');
  });

  test('answers every edit with the verdicts of all engines', async () => {
    const page = await (await context()).newPage();
    await page.goto(`${address}/playground`);
    const json = page.getByLabel(/Scenario as JSON/);
    await expect.poll(() => summary(page)).toMatch(/engines, \d+ access/);
    await json.fill('{"events": [{"filter": {"flags": "deny", "ranges": []}}, {"access": [["0x10", "w"]]}]}');
    await expect.poll(() => summary(page)).toContain('4 engines, 1 access: all answers agree');
    expect(await page.getByRole('row').filter({ hasText: '0 filter' }).textContent()).toContain('-EINVAL');
    await json.fill(SCENARIO.replace('"r", "base"', '"rw", "base"').replace('"0x1", "r"', '"0x0", "w"'));
    await expect
      .poll(() => page.getByRole('row').filter({ hasText: 'WRMSR 0x0' }).textContent())
      .toMatch(/gp.*gp.*gp.*gp/);
    await json.fill('{"events": [');
    await page.getByText(/not valid JSON/).waitFor();
  });

  test('answers several tabs that edit at the same time', async () => {
    const own = await context();
    const tabs = await Promise.all([1, 2, 3, 4].map(() => own.newPage()));
    await Promise.all(tabs.map((page) => page.goto(`${address}/playground`)));
    await Promise.all(
      tabs.map(async (page, i) => {
        const accesses = Array.from({ length: 4000 + i }, (_, index) => `["0x${index.toString(16)}", "r"]`);
        await page.getByLabel(/Scenario as JSON/).fill(`{"events": [{"access": [${accesses}]}]}`);
      }),
    );
    for (const [i, page] of tabs.entries()) {
      await expect.poll(() => summary(page)).toContain(`4 engines, ${4000 + i} accesses`);
      expect((await page.getByRole('alert').allTextContents()).join('')).toBe('');
    }
    await own.close();
  });

  test('shows where a stored divergence differs, and no more once it is edited away', async () => {
    const page = await (await context()).newPage();
    await page.goto(`${address}/divergences/${id}`);
    await expect.poll(() => summary(page)).toContain('the engines differ, first at event 1, access 0');
    await page.getByRole('button', { name: 'Edit' }).click();
    await page.getByLabel(/Scenario as JSON/).fill(SCENARIO.replace('"0x1", "r"', '"0x2", "r"'));
    await expect.poll(() => summary(page)).toContain('1 access: all answers agree');
  });

  test('loads a binary filter', async () => {
    const page = await (await context()).newPage();
    await page.goto(`${address}/playground`);
    const binary = join(folder, 'filter.bin');
    expect(msrdiff('export', id, '--database', path, '--format', 'binary', '--out', binary).code).toBe(0);
    await page.locator('input[type=file]').setInputFiles(binary);
    await expect.poll(() => page.getByLabel(/Scenario as JSON/).inputValue()).toMatch(/"flags": "r", "base": "0x0"/);
    await page.locator('input[type=file]').setInputFiles({
      name: 'broken.bin',
      mimeType: 'application/octet-stream',
      buffer: Buffer.from([0xff, 0xfe, 1, 2]),
    });
    await page.getByText(/broken\.bin/).waitFor();
  });

  test('changes nothing where it is read-only', async () => {
    const readOnly = await serve('--database', path, '--read-only');
    const page = await (await context()).newPage();
    await page.goto(`${readOnly.address}/divergences/${id}`);
    await page
      .getByText(/its allowed\(\) says false/)
      .first()
      .waitFor();
    expect(await page.getByRole('form', { name: 'Triage' }).count()).toBe(0);
  });

  test('is let in by a token once', async () => {
    const guarded = await serve('--database', path, '--token', 'sixteen-characters-at-least');
    const own = await context();
    const page = await own.newPage();
    expect((await page.goto(guarded.address))!.status()).toBe(401);
    await page.goto(`${guarded.address}/?token=sixteen-characters-at-least`);
    await page.getByText('Engines against engines').waitFor();
    expect(page.url()).not.toContain('token');
  });

  test('follows a campaign, says when the server is gone, and goes on when it is back', async () => {
    const page = await (await context()).newPage();
    const first = await serve('--database', path);
    await page.goto(first.address);
    await page.getByText('Engines against engines').waitFor();
    const campaign = start('fuzz', '--database', path, '--seconds', '600', '--engines', 'reference,interval');
    const end = exited(campaign);
    await page.getByText('running').first().waitFor();
    campaign.kill('SIGINT');
    expect((await end).code).toBe(130);
    await expect.poll(() => page.getByText('running').count()).toBe(0);
    first.server.kill('SIGINT');
    const connection = page.getByTestId('connection');
    await expect.poll(() => connection.textContent()).not.toBe('');
    await serve('--database', path, '--port', new URL(first.address).port);
    await expect.poll(() => connection.textContent()).toBe('');
  });

  test('takes nothing of a database for HTML', async () => {
    const hostile = await serve('--database', await database('hostile.db', 3, true));
    const page = await (await context()).newPage();
    const complaints = watch(page);
    for (const where of ['/', '/divergences', '/divergences/0000000000000001']) {
      await page.goto(hostile.address + where);
      await page.getByText(HOSTILE).filter({ visible: true }).first().waitFor();
      expect(await page.evaluate('window.broken')).toBeUndefined();
      expect(await page.locator('img, script:not([src])').count()).toBe(0);
    }
    const form = page.getByRole('form', { name: 'Triage' });
    await form.getByLabel('Note').fill(HOSTILE);
    await form.getByLabel('Author').fill(HOSTILE);
    await form.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('heading', { name: 'History' }).locator('..').getByText(HOSTILE).first().waitFor();
    expect(await page.evaluate('window.broken')).toBeUndefined();
    expect(complaints.filter((text) => text.includes('Content Security Policy'))).toEqual([]);
  });

  test('is small, and shows 10,000 divergences at once', async () => {
    const { address: large } = await serve('--database', await database('large.db', 10_000));
    const own = await context();
    const page = await own.newPage();
    const session = await own.newCDPSession(page);
    await session.send('Network.enable');
    let bytes = 0;
    session.on('Network.loadingFinished', ({ encodedDataLength }) => (bytes += encodedDataLength));
    await page.goto(large);
    await page.getByRole('link', { name: /10,000 new/ }).waitFor();
    const shown = await page.evaluate<number>('performance.now()');
    await page.locator('canvas').first().waitFor();
    // The first page with its data, charts and all.
    expect(bytes).toBeGreaterThan(10_000);
    expect(bytes).toBeLessThan(150_000);
    const first = bytes;
    await page.evaluate(`(() => {
      window.long = [];
      new PerformanceObserver((list) => window.long.push(...list.getEntries().map((e) => e.duration)))
        .observe({ type: 'longtask' });
    })()`);
    await page.getByRole('link', { name: 'Divergences', exact: true }).click();
    await page.getByText('10,000').first().waitFor();
    for (let i = 0; i < 10; i++) {
      await page
        .getByRole('button', { name: /next/i })
        .or(page.getByRole('link', { name: /next/i }))
        .first()
        .click();
      await page.mouse.wheel(0, 2000);
    }
    await page.getByLabel('MSR').fill('0x1ff');
    await expect.poll(() => page.getByRole('row').count()).toBe(2);
    const long = await page.evaluate<number[]>('window.long');
    process.stdout.write(
      `first page with 10,000 divergences: ${(first / 1000).toFixed(1)} kB transferred, ready after ${Math.round(shown)} ms; ` +
        `ten pages and a search: ${long.length} tasks over 50 ms, longest ${Math.round(Math.max(0, ...long))} ms\n`,
    );
  });
});
