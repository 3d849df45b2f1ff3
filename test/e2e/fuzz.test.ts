import { copyFileSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { exited, lastJson, msrdiff, ROOT, scratchFolder, start } from './cli.ts';

const folder = scratchFolder();
const database = (name: string): string => join(folder, `${name}.db`);
const campaign = (name: string, ...args: string[]): string[] => ['fuzz', '--database', database(name), ...args];

describe('a campaign over the built-in engines', () => {
  test('agrees, says so, and exits with 0', () => {
    const run = msrdiff(...campaign('plain', '--cases', '320', '--seed', '1', '--json'));
    expect(run.code).toBe(0);
    const summary = lastJson(run);
    expect(Object.keys(summary)).toEqual(
      expect.arrayContaining([
        'seed',
        'cases',
        'accesses',
        'verdicts',
        'divergences',
        'seconds',
        'engines',
        'coverage',
        'digest',
        'database',
      ]),
    );
    expect(summary).toMatchObject({
      seed: '1',
      cases: 320,
      divergences: [],
      engines: ['reference', 'interval', 'vmx', 'svm'],
    });
    expect((summary.known as Record<string, number>)['tsc-deadline-fastpath']).toBeGreaterThan(0);
  });

  test.each(['1a155254ff93', '5.10.0', '5.10', '6.1'])('agrees under the rules of %s', (profile) => {
    const run = msrdiff(
      ...campaign(`profile-${profile}`, '--cases', '160', '--seed', '2', '--profile', profile, '--json'),
    );
    expect(run.code).toBe(0);
    expect(lastJson(run)).toMatchObject({ profile, divergences: [] });
  });

  test('gives the same run for the same seed, with any number of workers', () => {
    const digests = ['1', '2', '4'].map((workers) => {
      const run = msrdiff(
        ...campaign(`workers-${workers}`, '--cases', '1500', '--seed', '9', '--workers', workers, '--json'),
      );
      const { digest, accesses, verdicts } = lastJson(run);
      return { digest, accesses, verdicts };
    });
    expect(digests[1]).toEqual(digests[0]);
    expect(digests[2]).toEqual(digests[0]);
  });

  test('reports the known divergence when the ledger is left out', () => {
    const run = msrdiff(...campaign('no-ledger', '--cases', '64', '--seed', '1', '--no-ledger', '--json'));
    expect(run.code).toBe(1);
    const found = lastJson(run).divergences as { kind: string; subject: string }[];
    // Two against two: the tie goes to the reference, and both hardware engines stand against it.
    expect(found.map(({ kind, subject }) => [kind, subject])).toEqual([
      ['verdict', 'vmx'],
      ['verdict', 'svm'],
    ]);
  });
});

describe('the canary', () => {
  test('is reported once, stored, listed, shown and replayed, also from a copy of the file alone', () => {
    const run = msrdiff(
      ...campaign('canary', '--cases', '64', '--seed', '5', '--engines', 'reference,interval,vmx,svm,canary', '--json'),
    );
    expect(run.code).toBe(1);
    const [found, ...others] = lastJson(run).divergences as { id: string; subject: string; new: boolean }[];
    expect(others).toEqual([]);
    expect(found).toMatchObject({ subject: 'canary', new: true });

    const again = msrdiff(
      ...campaign('canary', '--cases', '64', '--seed', '6', '--engines', 'reference,interval,vmx,svm,canary', '--json'),
    );
    expect(again.code).toBe(0);
    expect(lastJson(again).divergences).toEqual([expect.objectContaining({ id: found!.id, new: false })]);

    copyFileSync(database('canary'), database('copy'));
    const list = JSON.parse(msrdiff('list', '--database', database('copy'), '--json').stdout);
    expect(list).toEqual([
      expect.objectContaining({ id: found!.id, subject: 'canary', kind: 'verdict', reliability: 1 }),
    ]);
    const show = msrdiff('show', found!.id.slice(0, 8), '--database', database('copy'));
    expect(show.code).toBe(0);
    expect(show.stdout).toContain('canary stands alone');
    expect(msrdiff('replay', found!.id, '--database', database('copy')).code).toBe(1);
    expect(msrdiff('replay', found!.id, '--engines', 'reference,interval', '--database', database('copy')).code).toBe(
      0,
    );

    const scenario = join(folder, 'scenario.json');
    writeFileSync(scenario, list[0].scenario);
    expect(msrdiff('replay', scenario, '--engines', 'reference,canary').code).toBe(1);
    const minimized = msrdiff('minimize', scenario, '--engines', 'reference,canary', '--json');
    expect(minimized.code).toBe(1);
    expect(JSON.parse(minimized.stdout).findings[0].normalForm).toBe(list[0].scenario);
  });
});

describe('a bitmap that is wrong from the start', () => {
  test('needs no event to show, and can be shown and replayed', () => {
    const path = join(folder, 'born-wrong.mjs');
    const vmx = join(ROOT, 'dist/src/engines/vmx.js');
    writeFileSync(
      path,
      `import { VmxVm, vmx } from ${JSON.stringify(vmx)};
class BornWrongVm extends VmxVm {
  createVcpu() { super.createVcpu(); this.page[0x174 >> 3] |= 1 << (0x174 & 7); }
}
export default { ...vmx, name: 'born-wrong', createVm: (config) => new BornWrongVm(config) };
`,
    );
    const engines = ['--engines', 'reference,interval,vmx', '--engine-module', path];
    const run = msrdiff(...campaign('born-wrong', '--cases', '64', '--seed', '1', ...engines, '--json'));
    expect(run.code).toBe(1);
    const [found, ...others] = lastJson(run).divergences as { id: string; kind: string; size: number }[];
    expect(others).toEqual([]);
    expect(found).toMatchObject({ kind: 'bitmap:needless-intercept', size: 0 });
    const show = msrdiff('show', found!.id, '--database', database('born-wrong'));
    expect(show.code).toBe(0);
    expect(show.stdout).toContain('born-wrong stands alone');
    const replay = msrdiff('replay', found!.id, '--database', database('born-wrong'));
    expect(replay.code).toBe(1);
    expect(replay.stdout).toContain('VM creation');
  });
});

describe('an interrupted campaign', () => {
  const args = ['--cases', '2500', '--seed', '11', '--json'];
  let digest: unknown;
  const whole = (): unknown => {
    digest ??= lastJson(msrdiff(...campaign('whole', ...args))).digest;
    return digest;
  };

  test('after Ctrl-C says how to resume, and ends in the same digest', async () => {
    const child = start(...campaign('ctrl-c', '--cases', '2500', '--seed', '11'));
    const end = exited(child);
    // Progress: the campaign has begun.
    child.stderr!.once('data', () => child.kill('SIGINT'));
    const { code, stdout } = await end;
    expect(code).toBe(130);
    expect(stdout).toContain('--resume 1');
    const resumed = msrdiff('fuzz', '--database', database('ctrl-c'), '--resume', '--json');
    expect(lastJson(resumed)).toMatchObject({ digest: whole(), cases: 2500 });
  });

  test('ends at Ctrl-C while an engine is loaded, and leaves nothing to resume', async () => {
    const module = join(folder, 'loading.mjs');
    const loading = `${module}.begun`;
    writeFileSync(
      module,
      `import { writeFileSync } from 'node:fs';\nwriteFileSync('${loading}', '');\nawait new Promise(() => setInterval(() => {}, 1000));\n`,
    );
    const child = start(...campaign('loading', '--engines', 'reference', '--engine-module', module));
    const end = exited(child);
    await expect.poll(() => existsSync(loading), { timeout: 20_000 }).toBe(true);
    child.kill('SIGINT');
    expect(await end).toEqual({ code: 130, stdout: '', stderr: '' });
    expect(msrdiff('list', '--campaigns', '--database', database('loading')).stdout).toBe('no campaigns\n');
  });

  test('after kill -9 resumes to the same digest', async () => {
    const child = start(...campaign('kill', ...args));
    const end = exited(child);
    // Not before the campaign is stored: what is not stored cannot be resumed.
    await new Promise<void>((resolve) => child.stderr!.once('data', () => resolve()));
    child.kill('SIGKILL');
    await end;
    const resumed = msrdiff('fuzz', '--database', database('kill'), '--resume', '--json');
    expect(lastJson(resumed)).toMatchObject({ digest: whole(), cases: 2500 });
  });
});

describe('a campaign that diverges in every case', () => {
  const path = join(folder, 'two-bugs.mjs');
  const example = join(ROOT, 'examples/decision-engine.mjs');
  // 20 shards: what the first ten of them learn reaches the last one.
  const args = ['--cases', '1280', '--seed', '13', '--accesses', '512', '--engines', 'reference,vmx'];
  args.push('--engine-module', path);

  /** What a campaign that was run in one go, or in two, must have in common with all others. */
  function outcome(name: string): unknown {
    const [stored] = JSON.parse(msrdiff('list', '--campaigns', '--database', database(name), '--json').stdout);
    const divergences = JSON.parse(msrdiff('list', '--database', database(name), '--json').stdout) as {
      id: string;
      cases: number;
    }[];
    const counts = divergences.map(({ id, cases }) => [id, cases]).sort();
    return { digest: stored.digest, counts };
  }

  beforeAll(() => {
    // Two bugs with the same signatures: for which of them a case is counted depends on what was known.
    writeFileSync(
      path,
      `import { allowed as decide } from ${JSON.stringify(example)};
export const name = 'two-bugs';
const isWrong = (filter, index) => filter !== null && (filter.ranges.length > 2 ? (index & 1) === 1 : (index & 3) === 2);
export const allowed = (filter, index, write) => decide(filter, index, write) !== isWrong(filter, index);
`,
    );
    msrdiff(...campaign('two-bugs-1', ...args, '--workers', '1'));
  });

  test('counts the cases that it attributes by what it knows', () => {
    const { counts } = outcome('two-bugs-1') as { counts: [string, number][] };
    expect(counts.reduce((sum, [, cases]) => sum + cases, 0)).toBeGreaterThan(1000);
  });

  test.each(['2', '4'])('is the same with %s workers', (workers) => {
    msrdiff(...campaign(`two-bugs-${workers}`, ...args, '--workers', workers));
    expect(outcome(`two-bugs-${workers}`)).toEqual(outcome('two-bugs-1'));
  });

  test.each(['SIGINT', 'SIGKILL'] as const)('is the same after %s and --resume', async (signal) => {
    const name = `two-bugs-${signal}`;
    const child = start(...campaign(name, ...args, '--workers', '2'));
    const end = exited(child);
    // At the first sign of progress a shard has been stored; some more, and what they reduced is known to later ones.
    child.stderr!.once('data', () => setTimeout(() => child.kill(signal), 500));
    await end;
    const [{ cases }] = JSON.parse(msrdiff('list', '--campaigns', '--database', database(name), '--json').stdout);
    expect(cases).toBeGreaterThan(0);
    expect(cases).toBeLessThan(1280);
    const resumed = lastJson(msrdiff('fuzz', '--database', database(name), '--resume', '--json'));
    expect(resumed.cases).toBe(1280);
    expect(outcome(name)).toEqual(outcome('two-bugs-1'));
  });
});

describe('engines of users', () => {
  const examples = ['examples/decision-engine.mjs', 'examples/scenario-engine.mjs'];
  test.each(examples)('%s agrees with the built-in engines', (path) => {
    const name = path.replace(/\W/g, '');
    const run = msrdiff(
      ...campaign(
        name,
        '--cases',
        '96',
        '--seed',
        '3',
        '--engines',
        'reference,interval',
        '--engine-module',
        join(ROOT, path),
        '--json',
      ),
    );
    expect(run.stderr + run.stdout).not.toContain('diverges');
    expect(lastJson(run)).toMatchObject({ divergences: [] });
    expect(run.code).toBe(0);
  });

  const misbehaving: [string, string, string][] = [
    ['throws', "throw new Error('boom')", 'engine-error'],
    ['garbage', 'return 7', 'engine-error'],
    ['hangs', 'for (;;);', 'engine-timeout'],
    ['exits', 'process.exit(3)', 'engine-error'],
  ];
  test.each(misbehaving)(
    'one that %s is a finding with a reproducer, and the campaign goes on',
    (name, fault, kind) => {
      const path = join(folder, `${name}.mjs`);
      writeFileSync(
        path,
        `export const name = '${name}';\nexport function allowed(filter, index) { if (index === 0x174) { ${fault}; } return true; }\n`,
      );
      const run = msrdiff(
        ...campaign(
          name,
          '--cases',
          '64',
          '--seed',
          '3',
          '--timeout',
          kind === 'engine-timeout' ? '2' : '30',
          '--engines',
          'reference',
          '--engine-module',
          path,
          '--json',
        ),
      );
      expect(run.code).toBe(1);
      expect(lastJson(run).cases).toBe(64);
      const found = lastJson(run).divergences as { kind: string; subject: string; size: number }[];
      expect(found).toContainEqual(expect.objectContaining({ kind, subject: name, size: 2 }));
    },
  );
});
