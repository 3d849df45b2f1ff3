import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Budget } from '../budget.ts';
import { Children, Interruption } from '../child.ts';
import { checkConfig } from '../config.ts';
import type { NightlyConfig } from '../define-config.ts';
import type { StepReport } from '../report.ts';
import { campaigns, seedOfDay } from './campaign.ts';
import { prove } from './proofs.ts';
import { type Recheckable, recheck, runsFor } from './recheck.ts';
import { recordingsOf } from './recordings.ts';
import { runStep, type StepContext } from './step.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'msrdiff-steps-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A command line of the test's own: `script` has `args`, and `log`, which keeps the arguments of each run. */
function context(
  script: string,
  config: NightlyConfig = {},
  lastSeconds = 1,
): StepContext & { told: StepReport[]; runs(): string[][] } {
  const main = join(folder, 'main.mjs');
  const log = join(folder, 'runs.jsonl');
  writeFileSync(log, '');
  writeFileSync(
    main,
    `import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
const args = process.argv.slice(2);
appendFileSync(${JSON.stringify(log)}, JSON.stringify(args) + '\\n');
const run = readFileSync(${JSON.stringify(log)}, 'utf8').trim().split('\\n').length;
const print = (value) => process.stdout.write(JSON.stringify(value) + '\\n');
${script}`,
  );
  const told: StepReport[] = [];
  return {
    children: new Children(main, folder, interruption, lastSeconds),
    settings: checkConfig({ grace: 1, database: 'd.db', reports: 'reports', ...config }, 'test', folder),
    tell: (step) => told.push(step),
    told,
    runs: () =>
      readFileSync(log, 'utf8')
        .trim()
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as string[]),
  };
}
let interruption = new Interruption();
beforeEach(() => {
  interruption = new Interruption();
});

describe('a step', () => {
  const run = (script: string, limit = 30): ReturnType<typeof runStep> =>
    runStep(context(script), 'campaign', 'x', ['fuzz'], limit);

  it.each([
    ['done', 'print({ a: 1 });', 0, ''],
    ['found', 'print({ a: 1 }); process.exitCode = 1;', 1, ''],
    ['unfinished', 'process.exitCode = 4;', 4, ''],
    [
      'refused',
      'console.error("5 cases/s\\nmsrdiff: database d is being written"); process.exitCode = 2;',
      2,
      'database d is being written',
    ],
    ['unavailable', 'console.error("msrdiff: no such engine"); process.exitCode = 3;', 3, 'no such engine'],
    ['crashed', 'console.error("msrdiff: internal error: oh"); process.exitCode = 70;', 70, 'internal error: oh'],
    ['crashed', 'throw new Error("half way");', 1, /^exit code 1: /],
    ['crashed', 'process.kill(process.pid, "SIGSEGV"); setInterval(() => {}, 1000);', null, 'ended by SIGSEGV'],
    ['crashed', 'process.exit(0);', 0, 'exit code 0'],
  ] as const)('ends as %s: %s', async (state, script, code, message) => {
    const { report } = await run(script);
    expect(report).toMatchObject({
      state,
      code,
      message: message instanceof RegExp ? expect.stringMatching(message) : message,
    });
  });

  it('gives what the last line of --json says', async () => {
    expect((await run('console.log("text"); print({ args });')).json).toEqual({ args: ['fuzz', '--json'] });
  });

  it('is asked to stop at its limit, and may then say what it has', async () => {
    const script =
      'process.on("SIGINT", () => { print({ kept: true }); process.exit(130); }); setInterval(() => {}, 9);';
    // By its limit it has a handler, also on a busy machine, and by the end of its grace it has ended.
    const { report, json } = await runStep(context(script, {}, 30), 'campaign', 'x', ['fuzz'], 6);
    expect(report).toMatchObject({ state: 'hung', message: 'no end within 6 s: stopped' });
    expect(json).toEqual({ kept: true });
  });

  it('is killed with what it has started if it does not stop', async () => {
    const script = `import { spawn } from 'node:child_process';
process.on('SIGINT', () => {});
const child = spawn(process.execPath, ['-e', 'process.on("SIGINT", () => {}); setInterval(() => {}, 9)'], { stdio: 'inherit' });
writeFileSync('pid', String(child.pid));
setInterval(() => {}, 9);`;
    const { report } = await run(script, 6);
    expect(report).toMatchObject({ state: 'hung', code: null });
    const pid = Number(readFileSync(join(folder, 'pid'), 'utf8'));
    // Gone, or a zombie that nobody has asked for yet.
    await vi.waitFor(() => expect(alive(pid)).toBe(false), 20_000);
  });

  it('is interrupted once, and killed the second time', async () => {
    const up = (): Promise<void> => vi.waitFor(() => expect(existsSync(join(folder, 'up'))).toBe(true), 20_000);
    const rest = 'writeFileSync("up", ""); setInterval(() => {}, 9);';
    const kept = run(`process.on("SIGINT", () => { print({}); process.exit(130); }); ${rest}`);
    await up();
    interruption.request();
    expect((await kept).report).toMatchObject({ state: 'interrupted', code: 130 });

    interruption = new Interruption();
    rmSync(join(folder, 'up'));
    const deaf = run(`process.on("SIGINT", () => {}); ${rest}`);
    await up();
    interruption.request();
    interruption.request();
    expect((await deaf).report).toMatchObject({ state: 'interrupted', code: null });
  });
});

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

describe('campaigns', () => {
  it('share the time that is left, and take all options', async () => {
    const campaign = {
      ...{
        engines: ['reference', 'svm'],
        engineModules: ['m.mjs'],
        engineCommands: ['./c'],
        profiles: ['6.1', 'newest'],
      },
      ...{
        cases: 9,
        sample: 2,
        ledgers: ['l.json'],
        kernel: { moduleParameters: ['kvm a=1'], guestMode: 'real' as const },
      },
    };
    const step = context('print({});', { campaign });
    await campaigns(step, new Budget(100, () => 0), '77');
    const rest = [
      ...['--seconds', '50', '--engines', 'reference,svm', '--engine-module', 'm.mjs', '--engine-command', './c'],
      ...['--cases', '9', '--sample', '2', '--guest-mode', 'real', '--ledger', 'l.json'],
      ...['--module-parameters', 'kvm a=1', '--json'],
    ];
    const head = (profile: string): string[] => [
      'fuzz',
      '--database',
      join(folder, 'd.db'),
      '--seed',
      '77',
      '--profile',
      profile,
    ];
    expect(step.runs()[0]).toEqual([...head('6.1'), ...rest]);
    expect(step.runs()[1]).toEqual([...head('newest'), ...rest.with(1, '100')]);
  });

  it('have a seed by day and number', () => {
    const earlier = ['2026-11-20T23:59:59.000Z', '2026-11-21T00:00:00.000Z', '2026-11-21T12:00:00.000Z'];
    expect(seedOfDay('2026-11-21T13:00:00.000Z', earlier)).toBe('2026112102');
    expect(seedOfDay('2026-11-22T01:00:00.000Z', earlier)).toBe('2026112200');
  });

  it('are skipped when no time is left or the night is interrupted', async () => {
    const step = context('print({});');
    expect(await campaigns(step, new Budget(0), '1')).toMatchObject([
      { state: 'skipped', message: 'no time was left' },
    ]);
    interruption.request();
    expect(await campaigns(step, new Budget(9), '1')).toMatchObject([
      { state: 'skipped', message: 'interrupted before' },
    ]);
    expect(step.runs()).toEqual([]);
  });
});

describe('the re-check', () => {
  const stored = (id: string, values: Partial<Recheckable> = {}): Recheckable => ({
    ...{ id, kind: 'verdict', subject: 'e', status: 'known', reliability: 1, engines: [], ...values },
  });
  const answers = (...findings: object[]): string =>
    `print(${JSON.stringify({ kind: 'done', findings, diverges: findings.length > 0 })});`;

  const LOST = `print({ kind: 'lost', message: 'gone', diverges: true }); process.exitCode = 1;`;

  it('takes the longest unchecked first, and only what was triaged', async () => {
    const step = context(answers());
    const all = [
      ...[stored('a'), stored('b'), stored('c'), stored('d', { status: 'new' }), stored('e', { status: 'wont-fix' })],
    ];
    const { rechecks } = await recheck(step, new Budget(60), all, { a: '2026-11-20', b: '2026-11-19' });
    expect(rechecks.map(({ id }) => id)).toEqual(['c', 'b', 'a']);
  });

  it('tells of all that it did not come to in one line', async () => {
    const { steps, rechecks } = await recheck(context(''), new Budget(0), [stored('a'), stored('b'), stored('c')], {});
    expect(rechecks).toEqual([]);
    expect(steps).toMatchObject([{ state: 'skipped', name: '3 divergences', message: 'no time was left' }]);
  });

  it.each([
    ['diverges', answers({ kind: 'verdict', subject: 'e', known: null })],
    [
      'diverges',
      `print({ kind: 'done', findings: [{ kind: 'verdict', subject: 'e', known: 'x' }], diverges: false });`,
    ],
    ['other', LOST],
    ['other', answers({ kind: 'errno', subject: 'e', known: null })],
    ['agrees', answers()],
    ['unknown', 'process.exitCode = 3;'],
  ])('says "%s"', async (result, script) => {
    const { rechecks } = await recheck(context(script), new Budget(60), [stored('a')], {});
    expect(rechecks).toMatchObject([{ id: 'a', result, runs: 1 }]);
  });

  it('takes an engine that is lost for a divergence of that kind only', async () => {
    const silent = [stored('a', { kind: 'engine-timeout' }), stored('b', { kind: 'engine-error' })];
    const { rechecks } = await recheck(context(LOST), new Budget(60), silent, {});
    expect(rechecks).toMatchObject([{ result: 'diverges' }, { result: 'diverges' }]);
  });

  it('runs what shows now and then until it shows, or is not there', async () => {
    expect([1, 0.99, 0.5, 0.1, 0].map((reliability) => runsFor({ reliability }))).toEqual([1, 1, 5, 10, 10]);
    const third = context(`if (run < 3) { ${answers()} } else { ${answers({ kind: 'verdict', subject: 'e' })} }`);
    const flaky = [stored('a', { reliability: 0.5 })];
    expect((await recheck(third, new Budget(60), flaky, {})).rechecks).toMatchObject([{ result: 'diverges', runs: 3 }]);
    const gone = await recheck(context(answers()), new Budget(60), flaky, {});
    expect(gone.rechecks).toMatchObject([{ result: 'agrees', runs: 5 }]);
  });

  it('permits the commands of the configuration that it was found with', async () => {
    const step = context(answers(), { campaign: { engineCommands: ['./mine', './other'] } });
    const engines = [
      { kind: 'command', command: './mine' },
      { kind: 'command', command: './foreign' },
    ];
    await recheck(step, new Budget(60), [stored('a', { engines })], {});
    expect(step.runs()).toEqual([
      ['replay', 'a', '--database', join(folder, 'd.db'), '--engine-command', './mine', '--json'],
    ]);
  });
});

describe('proofs', () => {
  const certificate = 'const path = args[args.indexOf("--certificate") + 1];';
  const proofs = [['--ranges', '2']];

  it('go on where they stopped, and end', async () => {
    const step = context(
      `const resumed = args[1] === '--resume';
${certificate}
if (resumed) { writeFileSync(args[2], JSON.stringify({ outcome: 'proven', shards: 2, done: [1, 2] })); print({}); }
else { writeFileSync(path, JSON.stringify({ outcome: 'unfinished', shards: 2, done: [1] })); process.exitCode = 4; }`,
      { proofs },
    );
    const first = await prove(step, new Budget(60));
    expect(first.proofs).toMatchObject([{ outcome: 'unfinished', shards: { done: 1, of: 2 } }]);
    expect(first.steps).toMatchObject([{ state: 'unfinished', code: 4 }]);
    const second = await prove(step, new Budget(60));
    expect(second.proofs).toMatchObject([{ outcome: 'proven', shards: { done: 2, of: 2 } }]);
    // And from the beginning again, as engines may change.
    expect((await prove(step, new Budget(60))).proofs).toMatchObject([{ outcome: 'unfinished' }]);
    expect(step.runs().map(([, option]) => option)).toEqual(['--ranges', '--resume', '--ranges']);
  });

  it('begin again when going on is refused', async () => {
    const step = context(
      `if (args[1] === '--resume') { console.error('msrdiff: engine has changed'); process.exit(2); }
${certificate}
writeFileSync(path, JSON.stringify({ outcome: 'unfinished', shards: 2, done: [1] }));
process.exitCode = 4;`,
      { proofs },
    );
    await prove(step, new Budget(60));
    const again = await prove(step, new Budget(60));
    expect(step.runs().map(([, option]) => option)).toEqual(['--ranges', '--resume', '--ranges']);
    // That the proof was begun again is no failure of the night.
    expect(again.steps).toMatchObject([{ state: 'unfinished' }]);
  });

  it('that fail name the divergence', async () => {
    const content = { outcome: 'disproven', shards: 2, done: [], disproof: { divergence: 'ab', scenario: '{}' } };
    const step = context(
      `${certificate} writeFileSync(path, ${JSON.stringify(JSON.stringify(content))}); print({}); process.exitCode = 1;`,
      { proofs },
    );
    expect((await prove(step, new Budget(60))).proofs).toMatchObject([{ outcome: 'disproven', divergence: 'ab' }]);
  });
});

describe('recordings', () => {
  it('are files, folders and patterns', () => {
    for (const name of ['b.jsonl.gz', 'a.jsonl', 'c.txt']) writeFileSync(join(folder, name), '');
    expect(recordingsOf(['.'], folder)).toEqual(['a.jsonl', 'b.jsonl.gz']);
    expect(recordingsOf(['c.txt', '*.gz', 'b.jsonl.gz'], folder)).toEqual(['c.txt', 'b.jsonl.gz']);
    expect(recordingsOf([join(folder, 'a*')], '/')).toEqual([join(folder, 'a.jsonl')]);
  });

  it.each(['none', 'x/*.gz', '*.log', '*/a.jsonl'])('are missed where there are none: %s', (path) => {
    expect(() => recordingsOf([path], folder)).toThrow(`conformance.recordings: ${path}`);
  });
});
