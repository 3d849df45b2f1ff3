/** A real browser on a real server. */
import { type ChildProcess, spawnSync } from 'node:child_process';
import { type Browser, chromium, type Page } from 'playwright-core';
import { atEnd } from '../at-end.ts';
import { start } from '../e2e/cli.ts';

const NAMES = [process.env.CHROMIUM ?? '', 'chromium', 'chromium-browser', 'google-chrome'];

function findChromium(): string | undefined {
  for (const name of NAMES.filter((candidate) => candidate !== '')) {
    const { status, stdout } = spawnSync('sh', ['-c', `command -v "${name}"`], { encoding: 'utf8' });
    if (status === 0) return stdout.trim();
  }
  return undefined;
}

const executablePath = findChromium();
export const hasBrowser = executablePath !== undefined;
if (!hasBrowser) process.stderr.write('skipped: no chromium, so the triage page is not tried in a browser\n');

/** For each step on a page, in milliseconds: it ends what hangs, and is no measure of speed. */
export const PAGE_TIMEOUT_MS = 120_000;

/** One for the test file. */
export async function launch(): Promise<Browser> {
  // Chromium's sandbox needs a user that is not root.
  const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  const browser = await chromium.launch({ executablePath: executablePath!, args });
  atEnd(() => browser.close());
  return browser;
}

/** `msrdiff serve` with these options, on a free port; its address without a slash at the end. */
export async function serve(...options: string[]): Promise<{ address: string; server: ChildProcess }> {
  const server = start('serve', '--port', '0', ...options);
  atEnd(() => server.kill('SIGKILL'));
  let said = '';
  server.stderr!.on('data', (chunk) => (said += chunk));
  const address = await new Promise<string>((resolve, reject) => {
    server.stdout!.once('data', (chunk) => resolve(String(chunk).trim().replace(/\/$/, '')));
    server.once('exit', (code) => reject(new Error(`msrdiff serve ended with code ${code}: ${said}`)));
  });
  return { address, server };
}

/** Whatever a page should not have: errors of scripts, refusals by its policy, requests that failed. */
export function watch(page: Page): string[] {
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(`${error}`));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('requestfailed', (request) => {
    // What a page has asked for and does not wait for, when it is left.
    const why = request.failure()?.errorText ?? '';
    if (why !== 'net::ERR_ABORTED') complaints.push(`${request.url()} ${why}`);
  });
  return complaints;
}
