/** examples/protocol-engine.c against recordings of kernels, in campaigns, and killed at any time. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { conformFile } from '../../src/corpus/conform.ts';
import { readGroundTruth } from '../../src/corpus/ground-truth.ts';
import { reference } from '../../src/engines/reference.ts';
import { Runner } from '../../src/engines/runner.ts';
import type { Scenario } from '../../src/model/scenario.ts';
import { atEnd } from '../at-end.ts';
import { lastJson, msrdiff } from '../e2e/cli.ts';
import { CONFIG, compileExample, generated, ROOT, resultOf, scratchFolder, start } from './support.ts';

const folder = scratchFolder();
const program = compileExample(folder);

beforeEach((context) => {
  if (program === undefined) context.skip('no C compiler: cc is not installed');
});

describe('recordings of kernels', () => {
  const recordings = ['linux-6.1-svm', 'linux-6.1-svm-x2apic', 'linux-6.1-vmx-x2apic', 'linux-6.12-svm'];
  test.each(recordings)('%s is answered as the kernel did', (name) => {
    const file = readGroundTruth(join(ROOT, `test/ground-truth/${name}.jsonl.gz`));
    const engine = start(program!);
    const report = conformFile(file, engine);
    expect(report).toMatchObject({ listed: [], mismatches: 0, skipped: 0 });
    expect(report.checks).toBeGreaterThan(file.accesses);
    expect(engine.takeIncidents()).toEqual([]);
    engine.close();
  });
});

describe('campaigns', () => {
  const campaign = (name: string, ...args: string[]) =>
    msrdiff('fuzz', '--database', join(folder, `${name}.db`), '--engines', 'reference,interval', '--json', ...args);

  test('agree, and have the digest that they have without it', () => {
    const args = ['--cases', '320', '--seed', '6'];
    const run = campaign('agree', ...args, '--engine-command', program!);
    expect(run.stderr).not.toContain('msrdiff:');
    expect(run.code).toBe(0);
    expect(lastJson(run)).toMatchObject({ divergences: [], engines: ['reference', 'interval', 'protocol-example'] });
    expect(lastJson(run).digest).toBe(lastJson(campaign('without', ...args)).digest);
  });

  test('by rules that it does not have are refused at once', () => {
    const run = campaign('old', '--cases', '1', '--profile', '5.10', '--engine-command', program!);
    expect(run.code).toBe(3);
    expect(run.stderr.trim()).toMatch(
      /^msrdiff: engine command ".*", profile 5.10: refused CONFIG: this example has the/,
    );
  });

  test('with two engines of one name are refused', () => {
    const run = campaign('twins', '--cases', '1', '--engine-command', program!, '--engine-command', `exec ${program}`);
    expect(run.code).toBe(3);
    expect(run.stderr).toContain('two engines are named "protocol-example"');
  });
});

test('a crash that loses answers of other cases fails its own case only', () => {
  const source = readFileSync(join(ROOT, 'examples/protocol-engine.c'), 'utf8');
  const crashing = join(folder, 'crashing.c');
  const decision = 'static bool allowed(const struct filter *f, uint32_t index, int type)\n{\n';
  expect(source).toContain(decision);
  writeFileSync(crashing, source.replace(decision, `${decision}\tif (index == 0x174)\n\t\tabort();\n`));
  expect(spawnSync('cc', ['-O2', '-o', join(folder, 'crashing'), crashing]).status).toBe(0);
  const engine = start(`ulimit -c 0; exec ${join(folder, 'crashing')}`);
  const [remote, local] = [new Runner(engine, CONFIG), new Runner(reference, CONFIG)];
  const scenarios = generated(9, 40, 64).map(natively);
  const crash: Scenario = {
    events: [{ kind: 'access', batch: { indices: Uint32Array.of(0x10, 0x174), types: new Uint8Array(2) } }],
  };
  const isSound = ({ events }: Scenario): boolean =>
    !events.some((event) => event.kind === 'access' && event.batch.indices.includes(0x174));
  const batch = scenarios
    .filter(isSound)
    .flatMap((scenario, n) => (n % 8 === 5 ? [scenario, { ...crash }] : [scenario]));
  expect(batch.length).toBeGreaterThan(30);
  for (const scenario of batch) remote.begin(scenario);
  for (const scenario of batch) {
    const message = 'threw Error: the process was ended by SIGABRT';
    if (isSound(scenario)) expect(resultOf(remote, scenario)).toEqual(resultOf(local, scenario));
    else expect(resultOf(remote, scenario)).toMatchObject({ failure: { event: 0, message } });
  }
  expect(engine.takeIncidents()).toEqual([]);
});

test('ten kill -9 at any time lose nothing', async () => {
  const pidFile = join(folder, 'pid');
  const engine = start(`echo $$ > ${pidFile}; exec ${program}`);
  const remote = new Runner(engine, CONFIG);
  const local = new Runner(reference, CONFIG);
  // Ten processes, each some time after the last one: no case meets two of them.
  const killOne = `read -r pid < ${pidFile} && [ -n "$pid" ] && [ "$pid" != "$last" ] && kill -9 "$pid"`;
  const killer = spawn('sh', [
    '-c',
    `for i in 3 1 4 1 5 9 2 6 5 3; do sleep 0.3$i; until { ${killOne}; } 2>/dev/null; do sleep 0.02; done; last=$pid; echo $pid; done`,
  ]);
  atEnd(() => killer.kill('SIGKILL'));
  const closed = once(killer, 'close');
  let killed = '';
  killer.stdout.on('data', (text) => {
    killed += text;
  });
  const scenarios = generated(7, 60, 512);
  const expected = scenarios.map((scenario) => JSON.stringify(resultOf(local, natively(scenario))));
  let incidents = 0;
  let runs = 0;
  while (killer.exitCode === null) {
    const batch = scenarios.map(natively);
    for (const scenario of batch) remote.begin(scenario);
    for (const [n, scenario] of batch.entries()) expect(JSON.stringify(resultOf(remote, scenario))).toBe(expected[n]);
    for (const { kind, message } of engine.takeIncidents()) {
      expect({ kind, message }).toEqual({ kind: 'died', message: 'the process was ended by SIGKILL' });
      incidents++;
    }
    runs += batch.length;
    await new Promise((resolve) => setImmediate(resolve));
  }
  await closed;
  expect(killed.trim().split('\n')).toHaveLength(10);
  // A process may be killed twice before it has been asked anything.
  expect(incidents).toBeGreaterThanOrEqual(5);
  expect(incidents).toBeLessThanOrEqual(10);
  expect(runs).toBeGreaterThan(100);
});

/** What the example runs of a scenario. */
function natively({ events }: Scenario): Scenario {
  return {
    events: events.filter(
      (event) =>
        event.kind !== 'candidates' &&
        event.kind !== 'nested' &&
        !(event.kind === 'access' && (event.batch.form ?? 'native') !== 'native'),
    ),
  };
}
