import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { checkConfig, loadConfig } from './config.ts';
import { defineConfig, type NightlyConfig } from './define-config.ts';

const FULL = defineConfig({
  ...{ budget: 28_800, grace: 60, database: 'db.sqlite', reports: '/var/reports', recheck: false },
  campaign: {
    ...{ engines: ['reference', 'kvm-vmx@6.12'], engineModules: ['a.mjs'], engineCommands: ['./b --fast'] },
    ...{ profiles: ['6.1', 'newest'], seed: '0xff', cases: 10, workers: 2, accesses: 100, sample: 3 },
    ...{ sampleAccesses: 7, timeout: 2.5, ledgers: ['known.json'] },
    kernel: { image: 'bzImage', modules: 'lib', moduleParameters: ['kvm x=1'], guestMode: 'real' },
  },
  conformance: { recordings: ['recordings'], engines: ['svm'], profile: '6.1' },
  proofs: [['--ranges', '2'], ['--lemmas']],
  shares: { conformance: 0.2, recheck: 0, proofs: 0.3 },
  plantedEngines: ['canary'],
  webhook: { url: 'https://hooks.example/1', secretEnv: 'HOOK_SECRET' },
  retention: { reports: { days: 3, megabytes: 4 }, database: { days: 0, megabytes: 0 } },
} as const satisfies NightlyConfig);

describe('a configuration', () => {
  it('is accepted with every key that its type has', () => {
    const settings = checkConfig(FULL, 'f', '/etc/msrdiff');
    expect(settings).toMatchObject({
      ...FULL,
      campaign: { ...(FULL.campaign as object), seed: '255' },
      database: '/etc/msrdiff/db.sqlite',
    });
    expect(settings.folder).toBe('/etc/msrdiff');
  });

  it('has defaults for all of them', () => {
    expect(checkConfig({}, 'f', '/x')).toEqual({
      ...{ folder: '/x', budget: 3600, grace: 180, database: '/x/results/msrdiff.db', reports: '/x/results/nightly' },
      ...{ recheck: true, proofs: [], plantedEngines: [] },
      campaign: { engines: [], engineModules: [], engineCommands: [], profiles: ['newest'], ledgers: [] },
      shares: { conformance: 0.1, recheck: 0.1, proofs: 0.2 },
      retention: { reports: { days: 90, megabytes: 500 }, database: { days: 180, megabytes: 2000 } },
    });
    expect(checkConfig({ campaign: false }, 'f', '/x').campaign).toBe(false);
  });

  it.each([
    [{ budgt: 3 }, 'budgt: no such key'],
    [{ budget: -1 }, 'budget: '],
    [{ budget: '1h' }, 'budget: '],
    [{ campaign: { engine: ['x'] } }, 'campaign.engine: no such key'],
    [{ campaign: true }, 'campaign: '],
    [{ campaign: { seed: -1 } }, 'campaign.seed: '],
    [{ campaign: { seed: '18446744073709551616' } }, 'campaign.seed: give a whole number from 0 to 2^64 - 1'],
    [{ campaign: { seed: 'today' } }, 'campaign.seed: '],
    [{ campaign: { profiles: ['4.2'] } }, 'campaign.profiles[0]: no such profile'],
    [{ campaign: { kernel: { guestMode: 'wide' } } }, 'campaign.kernel.guestMode: '],
    [{ conformance: {} }, 'conformance.recordings: '],
    [{ conformance: { recordings: [] } }, 'conformance.recordings: '],
    [{ proofs: ['--ranges 3'] }, 'proofs[0]: '],
    [{ proofs: [['--mask', '3']] }, 'proofs[0]: give one of --filter'],
    [
      {
        proofs: [
          ['--ranges', '3'],
          ['--ranges', '3', '--seconds=9'],
        ],
      },
      'proofs[1]: leave out',
    ],
    [{ shares: { conformance: 0.5, recheck: 0.6 } }, 'shares: are more than 1 in sum'],
    [{ webhook: { url: 'ftp://x.example/' } }, 'webhook.url: give an http: or https: address'],
    [{ webhook: { url: 'https://x.example/', secret: 'x' } }, 'webhook.secret: no such key'],
    [{ webhook: { url: 'https://x.example/', secretEnv: 'a b' } }, 'webhook.secretEnv: '],
    [{ retention: { reports: { days: -1 } } }, 'retention.reports.days: '],
    [[], 'the configuration: '],
    [null, 'the configuration: '],
  ])('%j is refused with its field', (value, message) => {
    expect(() => checkConfig(value, 'my.config.ts', '/x')).toThrow(`my.config.ts: ${message}`);
    expect(() => checkConfig(value, 'my.config.ts', '/x')).toThrow(/^[^\n]*\(see docs\/nightly\.md\)$/);
  });
});

describe('a configuration file', () => {
  const root = mkdtempSync(join(tmpdir(), 'msrdiff-config-'));
  afterAll(() => rmSync(root, { recursive: true }));
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(root, 'case-'));
  });
  const write = (name: string, content: string): void => writeFileSync(join(folder, name), content);

  it.each([
    [
      'ts',
      `import { defineConfig } from 'msrdiff/config';\nconst budget: number = 5;\nexport default defineConfig({ budget });`,
    ],
    ['js', 'export default { budget: 5 };'],
    ['mjs', `import { defineConfig } from 'msrdiff/config';\nexport default defineConfig({ budget: 5 });`],
    ['json', '{ "budget": 5 }'],
  ])('is found in the current folder: .%s', async (extension, content) => {
    write(`msrdiff.config.${extension}`, content);
    expect(await loadConfig(undefined, folder)).toMatchObject({ budget: 5, folder });
  });

  it.each([
    ['throws.mjs', 'throw new Error("a reason\\nand more")', 'throws.mjs does not load: a reason'],
    ['syntax.ts', 'export default {', 'syntax.ts does not load: '],
    ['none.mjs', 'export const budget = 5;', 'none.mjs has no default export'],
    ['bad.json', '{\n"budget": }', 'bad.json:2:11: not valid JSON'],
    ['config.yaml', 'budget: 5', 'is no .ts, .mts, .js, .mjs or .json file'],
  ])('%s is refused', async (name, content, message) => {
    write(name, content);
    await expect(loadConfig(name, folder)).rejects.toThrow(message);
    await expect(loadConfig(name, folder)).rejects.toMatchObject({ code: 'MSRDIFF_INPUT' });
  });

  it('that is not there is told', async () => {
    await expect(loadConfig('gone.json', folder)).rejects.toThrow('gone.json cannot be read');
    await expect(loadConfig(undefined, folder)).rejects.toThrow(/^no msrdiff\.config\.ts, /);
  });
});
