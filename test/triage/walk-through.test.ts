/**
 * The way of a finding: three planted bugs are found, looked at, handed over, mended, marked as fixed, and one of them
 * comes back. `npm run docs:screenshots` keeps what a person would see on the way for docs/triage.md.
 */
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { exited, msrdiff, ROOT, scratchFolder, start } from '../e2e/cli.ts';
import { hasBrowser, launch, PAGE_TIMEOUT_MS, serve, watch } from './browser.ts';
import { PLANTED_ENGINES, writeEngine } from './engines.ts';

const folder = scratchFolder();
const PICTURES = process.env.MSRDIFF_SCREENSHOTS;
/** The page shows its name. */
const database = PICTURES === undefined ? join(folder, 'triage.db') : 'results/walk-through.db';
/** Everything random has this seed: so has what docs/triage.md says. */
const SEED = '6';

function fuzz(...limits: string[]): string[] {
  const modules = PLANTED_ENGINES.flatMap((name) => ['--engine-module', join(folder, `${name}.mjs`)]);
  return ['fuzz', '--database', database, ...modules, '--engines', 'reference,interval,vmx', ...limits];
}

let page: Page;
let complaints: string[];
let address: string;

async function picture(name: string, whole = false): Promise<void> {
  if (PICTURES === undefined) return;
  mkdirSync(join(ROOT, PICTURES), { recursive: true });
  // Charts are drawn in the frame after the one that their figures come in.
  await page.waitForTimeout(400);
  await page.screenshot({ path: join(ROOT, PICTURES, `${name}.png`), fullPage: whole });
}

const row = (name: string) => page.getByRole('row').filter({ hasText: name });
const count = (status: string) => page.getByRole('link', { name: new RegExp(`^\\d+ ${status}$`) });

async function open(engine: string): Promise<void> {
  await page.getByRole('link', { name: 'Divergences', exact: true }).click();
  await row(engine).getByRole('link').first().click();
  await page.getByRole('heading', { name: /^Divergence/ }).waitFor();
}

async function say(status: string, note: string): Promise<void> {
  const form = page.getByRole('form', { name: 'Triage' });
  await form.getByLabel('Status').selectOption(status);
  await form.getByLabel('Note').fill(note);
  await form.getByLabel('Author').fill('kim');
  await form.getByRole('button', { name: 'Save' }).click();
  await form.getByText('Saved.').waitFor();
}

describe.runIf(hasBrowser)('from a finding to a fixed bug', () => {
  beforeAll(async () => {
    for (const suffix of ['', '-wal', '-shm']) rmSync(join(ROOT, `results/walk-through.db${suffix}`), { force: true });
    for (const name of PLANTED_ENGINES) writeEngine(folder, name, false);
    msrdiff('fuzz', '--database', database, '--cases', '64', '--seed', '1', '--engines', 'reference,interval');
    ({ address } = await serve('--database', database));
    const browser = await launch();
    page = await browser.newPage({ viewport: { width: 1280, height: 900 }, colorScheme: 'light' });
    page.setDefaultTimeout(PAGE_TIMEOUT_MS);
    complaints = watch(page);
  });

  test('a campaign is followed while it runs', async () => {
    await page.goto(address);
    await expect.poll(() => count('new').textContent()).toBe('0 new');
    const campaign = exited(start(...fuzz('--cases', '512', '--seed', SEED)));
    await page.getByText('running').first().waitFor();
    await expect.poll(() => count('new').textContent()).toBe('3 new');
    await picture('overview');
    expect((await campaign).code).toBe(1);
    await expect.poll(() => page.getByText('running').count()).toBe(0);
  });

  test('three bugs are three divergences', async () => {
    await count('new').click();
    await expect.poll(() => page.getByRole('row').count()).toBe(1 + PLANTED_ENGINES.length);
    for (const name of PLANTED_ENGINES) expect(await row(name).count()).toBe(1);
    expect(await row('inclusive-end').textContent()).toContain('range end inclusive');
    await picture('divergences');
  });

  test('one of them explains itself', async () => {
    await open('inclusive-end');
    await page.getByText('a range also covers the MSR at base + nmsrs').waitFor();
    expect(await page.getByTestId('verdict-summary').textContent()).toMatch(/differ, first at event \d+, access \d+/);
    await picture('divergence', true);
  });

  test('is triaged and exported', async () => {
    await say('triaged', 'the end of a range is not in it; patch is being written');
    expect(await page.getByRole('heading', { name: 'History' }).locator('..').textContent()).toContain('kim');
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('link', { name: 'Export vitest' }).click(),
    ]);
    expect(download.suggestedFilename()).toMatch(/^divergence-[0-9a-f]{16}\.test\.mjs$/);
    expect(readFileSync(await download.path(), 'utf8')).toContain('expect(');
    await picture('triaged');
  });

  test('is mended and marked as fixed, and stays away', async () => {
    writeEngine(folder, 'inclusive-end', true);
    await say('fixed', 'index >= end');
    for (const name of ['no-exemption', 'unnamed-denied']) {
      await open(name);
      await say('known', 'reported upstream');
    }
    expect(msrdiff(...fuzz('--cases', '128', '--seed', SEED)).code).toBe(0);
    await page.getByRole('link', { name: 'Overview' }).click();
    await expect.poll(() => count('fixed').textContent()).toBe('1 fixed');
  });

  test('comes back, and is new again', async () => {
    writeEngine(folder, 'inclusive-end', false);
    const again = msrdiff(...fuzz('--cases', '128', '--seed', SEED));
    expect(again.code).toBe(1);
    expect(again.stdout).toContain('reopened divergence');
    await expect.poll(() => count('reopened').textContent()).toBe('1 reopened');
    await count('reopened').click();
    await expect.poll(() => page.getByRole('row').count()).toBe(2);
    await row('inclusive-end').getByRole('link').first().click();
    await page.getByText('found again by campaign').waitFor();
    await picture('reopened');
  });

  test('what a filter does can be tried', async () => {
    await page.getByRole('link', { name: 'Playground' }).click();
    await expect.poll(() => page.getByTestId('verdict-summary').textContent()).toMatch(/\d+ engines, \d+ access/);
    await picture('playground', true);
    await page.emulateMedia({ colorScheme: 'dark' });
    await page.setViewportSize({ width: 390, height: 844 });
    await picture('playground-phone-dark');
    expect(complaints).toEqual([]);
  });
});
