/** `msrdiff export`: every format of a divergence with a planted bug, run or compiled where it can be. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { compiled, hasCompiler, hasKvm, run } from '../../src/export/compile.fixture.ts';
import { handOver } from '../../src/export/hand-over.ts';
import { decodeFilter } from '../../src/model/filter-binary.ts';
import { NEWEST_PROFILE } from '../../src/model/profile.ts';
import { parseScenario } from '../../src/model/scenario-json.ts';
import { msrdiff, ROOT, scratchFolder } from './cli.ts';

const folder = scratchFolder();
const database = join(folder, 'results.db');

/** The engine of examples/decision-engine.mjs, and one that takes the end of a range for its last index. */
const FIXED = readFileSync(join(ROOT, 'examples/decision-engine.mjs'), 'utf8').replace('decision-example', 'ends');
const BUGGY = FIXED.replace('index >= end', 'index > end');

function exported(...args: string[]): string {
  const { code, stdout, stderr } = msrdiff('export', ...args, '--database', database);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}

describe('export', () => {
  let id = '';

  beforeAll(() => {
    const modules = join(folder, 'node_modules');
    mkdirSync(modules);
    symlinkSync(join(ROOT, 'node_modules/vitest'), join(modules, 'vitest'));
    symlinkSync(ROOT, join(modules, 'msrdiff'));
    writeFileSync(join(folder, 'ends.mjs'), BUGGY);
    writeFileSync(join(folder, 'vitest.config.mjs'), 'export default { test: { testTimeout: 60_000 } };\n');
    const engines = ['--engines', 'reference,interval', '--engine-module', join(folder, 'ends.mjs')];
    expect(msrdiff('fuzz', '--cases', '64', '--seed', '3', ...engines, '--database', database).code).toBe(1);
    const found = JSON.parse(msrdiff('list', '--json', '--database', database).stdout) as {
      id: string;
      kind: string;
    }[];
    id = found.find(({ kind }) => kind === 'verdict')!.id;
  });

  /** Runs an exported test on an engine. */
  function vitest(file: string, engine: string) {
    writeFileSync(join(folder, 'engine.mjs'), engine);
    const options = { cwd: folder, encoding: 'utf8' as const, env: { ...process.env, NO_COLOR: '1' } };
    const command = join(ROOT, 'node_modules/vitest/vitest.mjs');
    const { status, stdout, stderr } = spawnSync(process.execPath, [command, 'run', file], options);
    return { status, output: stdout + stderr };
  }

  it('vitest: fails while the engine has the bug, passes once it is fixed', () => {
    const file = 'divergence.test.mjs';
    writeFileSync(join(folder, file), exported(id, '--format', 'vitest'));
    expect(vitest(file, BUGGY)).toMatchObject({ status: 1, output: expect.stringContaining('1 failed') });
    expect(vitest(file, FIXED)).toMatchObject({ status: 0, output: expect.stringContaining('1 passed') });
    const thrower = `${FIXED}\n`.replace('if (filter === null)', "throw new Error('no');\n  if (filter === null)");
    expect(vitest(file, thrower)).toMatchObject({ status: 1, output: expect.stringContaining('threw Error: no') });
  });

  it('vitest: an engine that does not come back fails in a process of its own', () => {
    const scenario = parseScenario(JSON.parse(exported(id, '--format', 'json')), 'test');
    const divergence = {
      ...{ id, kind: 'engine-timeout', subject: 'ends', expected: 'ok', got: 'wrong', results: {}, message: '' },
      ...{ engines: [], firstCampaign: 1, seed: '3', reliability: 1, cases: 1, firstSeen: '', lastSeen: '' },
    };
    const subject = { source: id, scenario, text: '', profile: NEWEST_PROFILE, version: '', divergence };
    const { bytes, fileName } = handOver('vitest', subject);
    const given = String(bytes);
    const impatient = given.replace('timeout: 10000', 'timeout: 5000');
    expect(impatient).not.toBe(given);
    writeFileSync(join(folder, fileName), impatient);
    const inCall = (statement: string): string => FIXED.replace('if (filter === null)', `${statement}\n  $&`);
    expect(vitest(fileName, inCall('for (;;);'))).toMatchObject({ status: 1 });
    expect(vitest(fileName, inCall('process.exit(0);'))).toMatchObject({ status: 1 });
    writeFileSync(join(folder, fileName), given);
    expect(vitest(fileName, FIXED)).toMatchObject({ status: 0 });
  });

  it.runIf(hasCompiler)('binary: holds the filter as a C program reads it', () => {
    const file = join(folder, 'filter.bin');
    exported(id, '--format', 'binary', '--out', file);
    const events = JSON.parse(exported(id, '--format', 'json')).events as {
      filter?: { ranges: { nmsrs: number }[] };
    }[];
    const { ranges } = events.find(({ filter }) => filter)!.filter!;
    const filter = decodeFilter(readFileSync(file), file);
    expect(filter.ranges.map(({ nmsrs }) => nmsrs)).toEqual(ranges.map(({ nmsrs }) => nmsrs));
    const source = join(ROOT, 'test/export/read-filter.c');
    const lines = [`flags ${filter.flags}`];
    for (const [slot, { flags, nmsrs, base, bitmap }] of filter.ranges.entries()) {
      lines.push(`${slot}: flags ${flags} nmsrs ${nmsrs} base ${base} bitmap ${Buffer.from(bitmap!).toString('hex')}`);
    }
    expect(run(compiled(join(folder, 'read-filter'), source), file)).toEqual({
      status: 0,
      stdout: `${lines.join('\n')}\n`,
      stderr: '',
    });
  });

  it.runIf(hasCompiler)('c: runs, and finds this kernel to do as documented', () => {
    const source = join(folder, 'program.c');
    exported(id, '--out', source);
    const program = compiled(join(folder, 'program'), source);
    if (hasKvm) expect(run(program)).toMatchObject({ status: 0 });
  });

  it('kselftest and json: are what the library writes', () => {
    expect(exported(id, '--format', 'kselftest')).toContain('vm_ioctl(vm, KVM_X86_SET_MSR_FILTER, &filter_');
    const scenario = join(folder, 'scenario.json');
    writeFileSync(scenario, exported(id, '--format', 'json'));
    const engines = ['--engines', 'reference,interval', '--engine-module', join(folder, 'ends.mjs')];
    expect(msrdiff('replay', scenario, ...engines).code).toBe(1);
  });

  it('markdown: has the rule where the engine can be run, and why not where it cannot', () => {
    const report = exported(id, '--format', 'markdown');
    expect(report).toContain('range end inclusive');
    expect(report).toContain(`msrdiff replay ${id}`);
    expect(report).toContain('--engine-module');
    writeFileSync(join(folder, 'ends.mjs'), 'broken');
    const refused = exported(id, '--format', 'markdown');
    expect(refused).toContain('Not explained: engine module');
    expect(refused).toContain('## How to reproduce');
    writeFileSync(join(folder, 'ends.mjs'), BUGGY);
  });

  it.each<[string, string[], RegExp]>([
    ['format', ['ID', '--format', 'pdf'], /--format.*Known are json, binary, vitest, c, kselftest, markdown/],
    ['event', ['ID', '--format', 'binary', '--event', '99'], /event 99 is not there: the last is 1; filters are at 0/],
    ['no filter', ['ID', '--format', 'binary', '--event', '1'], /event 1 sets no filter but is access; filters are at/],
    ['event of another format', ['ID', '--event', '0'], /leave --event out/],
    ['event number', ['ID', '--format', 'binary', '--event', 'x'], /Give the number of an event/],
    ['place', ['ID', '--out', '/nowhere/at/all.c'], /all\.c cannot be written \(ENOENT\): check the path/],
    ['scenario', ['FILE'], /event 0: candidates is nothing that a program can do: leave it out/],
    ['kselftest', ['FILE', '--format', 'kselftest'], /event 0: candidates is nothing that a program can do/],
    ['without filter', ['FILE', '--format', 'binary'], /candidates\.json sets no filter: use --format json/],
  ])('refuses in one line: %s', (_, args, message) => {
    const file = join(folder, 'candidates.json');
    writeFileSync(file, '{"events": [{"candidates": [["0x48", "rw"]]}]}');
    const given = args.map((arg) => ({ ID: id, FILE: file })[arg] ?? arg);
    const { code, stdout, stderr } = msrdiff('export', ...given, '--database', database);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  const hasScript = spawnSync('script', ['--version']).status === 0;
  it.runIf(hasScript)('refuses to write bytes to a terminal', () => {
    const main = join(ROOT, 'dist/src/cli/main.js');
    const command = `${process.execPath} ${main} export ${id} --format binary --database ${database}`;
    const { status, stdout } = spawnSync('script', ['-qec', command, '/dev/null'], { encoding: 'utf8' });
    expect(status).toBe(2);
    expect(stdout.trim()).toBe('msrdiff: binary data is not for a terminal: name a file with --out');
  });

  it('writes all bytes to a pipe', () => {
    const main = join(ROOT, 'dist/src/cli/main.js');
    const args = [main, 'export', id, '--format', 'binary', '--database', database];
    const file = join(folder, 'piped.bin');
    exported(id, '--format', 'binary', '--out', file);
    expect(spawnSync(process.execPath, args).stdout).toEqual(readFileSync(file));
  });
});
