import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { interval } from '../../src/engines/interval.ts';
import { reference } from '../../src/engines/reference.ts';
import { startRemote } from '../../src/engines/remote/remote-engine.ts';
import { Runner } from '../../src/engines/runner.ts';
import type { Observation } from '../../src/fuzz/compare.ts';
import { Evaluator } from '../../src/fuzz/evaluate.ts';
import { Ledger, SHIPPED_LEDGER } from '../../src/fuzz/ledger.ts';
import { NOTHING_REDUCED } from '../../src/fuzz/reductions.ts';
import { ShardRunner } from '../../src/fuzz/shard.ts';
import { NEUTRAL_STEERING } from '../../src/fuzz/space.ts';
import { BaseTable } from '../../src/model/base.ts';
import type { Scenario } from '../../src/model/scenario.ts';
import { CONFIG, faultyCommand, generated, resultOf, scratchFolder, start } from './support.ts';

const folder = scratchFolder();
/** How long answers are waited for: short only where silence is the fault. */
const limitOf = (fault: string): number => (fault === 'hang' ? 3_000 : 30_000);
const SYSENTER_CS = 0x174;

const bitmap = new Uint8Array(8);
const access = (...indices: number[]): Scenario['events'][number] => ({
  kind: 'access',
  batch: { indices: Uint32Array.from(indices), types: new Uint8Array(indices.length) },
});
/** Four accesses events, of which the third has SYSENTER_CS. */
const SCENARIO: Scenario = {
  events: [
    { kind: 'cap', mask: 7n },
    access(0x10, 0x11),
    { kind: 'filter', filter: { flags: 1, ranges: [{ flags: 3, nmsrs: 8, base: 0x170, bitmap }] } },
    access(0x171, 0x10),
    { kind: 'reply', error: 1, data: 0n },
    access(SYSENTER_CS, 0x175, 0x9999_9999),
    { kind: 'reply', error: 0, data: 0n },
    access(0x10),
  ],
};
const OTHER: Scenario = { events: SCENARIO.events.slice(0, 5) };
const EXPECTED = resultOf(new Runner(reference, CONFIG), SCENARIO);
const EXPECTED_OTHER = resultOf(new Runner(reference, CONFIG), OTHER);

/** Fault, kind of incident, and its message. */
const FAULTS = [
  ['die', 'died', 'the process was ended by SIGKILL'],
  ['exit', 'died', 'the process exited with code 3: assertion failed at 0x...'],
  ['hang', 'hung', 'no answer to ACCESS within 3 s'],
  ['text', 'garbage', 'sent text ("Segmentation"...) instead of a frame'],
  ['reserved', 'garbage', 'sent a frame whose bytes 9 to 11 are not 0'],
  ['long', 'garbage', 'sent a frame of 305419896 bytes (at most 16777216)'],
  ['short', 'garbage', 'answered ACCESS (3 accesses) with 2 bytes (3 expected)'],
  ['number', 'out-of-turn', 'answered ACCESS with the number of another request (1 too high)'],
  ['type', 'out-of-turn', 'answered ACCESS with type 0x94 (0x95 expected)'],
  ['error', 'error', 'refused ACCESS: out of virtual machines'],
] as const;

test('without a fault it is the reference', () => {
  const engine = start(faultyCommand());
  const [remote, local] = [new Runner(engine, CONFIG), new Runner(reference, CONFIG)];
  for (const scenario of generated(5, 40, 512)) {
    const without = { events: scenario.events.filter(({ kind }) => kind !== 'candidates' && kind !== 'nested') };
    expect(resultOf(remote, without)).toEqual(resultOf(local, without));
  }
  expect(engine.takeIncidents()).toEqual([]);
});

describe('a fault that does not happen again', () => {
  test.each(FAULTS)('%s is an incident of kind %s, and changes no result', (fault, kind, message) => {
    const once = `once=${join(folder, fault)}`;
    const engine = start(faultyCommand(fault, `on=${SYSENTER_CS}`, once), limitOf(fault));
    const runner = new Runner(engine, CONFIG);
    expect(resultOf(runner, SCENARIO)).toEqual(EXPECTED);
    expect(engine.takeIncidents()).toEqual([{ kind, message }]);
    expect(resultOf(runner, OTHER)).toEqual(EXPECTED_OTHER);
    expect(engine.takeIncidents()).toEqual([]);
  });

  const BY_KIND = FAULTS.filter(([fault]) => ['die', 'hang', 'text', 'number'].includes(fault));
  test.each(BY_KIND)('%s, with cases in flight that are lost with the process', (fault, kind, message) => {
    const once = `once=${join(folder, `${fault}-ahead`)}`;
    const engine = start(faultyCommand(fault, `on=${SYSENTER_CS}`, once), limitOf(fault));
    const runner = new Runner(engine, CONFIG);
    const batch = [OTHER, SCENARIO, { ...OTHER }, { ...SCENARIO }];
    for (const scenario of batch) runner.begin(scenario);
    expect(batch.map((scenario) => resultOf(runner, scenario))).toEqual(
      batch.map(({ events }) => (events.length < 6 ? EXPECTED_OTHER : EXPECTED)),
    );
    expect(engine.takeIncidents()).toEqual([{ kind, message }]);
  });

  test('is one, too, if methods are called without announcement', () => {
    const engine = start(faultyCommand('die', `on=${SYSENTER_CS}`, `once=${join(folder, 'direct')}`));
    const vm = engine.createVm(CONFIG);
    const verdicts = new Uint8Array(3);
    const filter = { flags: 1, ranges: [{ flags: 3, nmsrs: 8, base: 0x170, bitmap }] };
    expect(vm.enableCap({ kind: 'cap', mask: 7n })).toBe(0);
    expect(vm.setFilter(filter, 'normal')).toBe(0);
    const batch = { indices: Uint32Array.of(0x10, SYSENTER_CS, 0x171), types: new Uint8Array(3) };
    vm.access(batch, verdicts, new Uint8Array(3));
    expect([...verdicts]).toEqual([2, 2, 2]);
    expect(vm.reply(1, 0n)).toBe(2);
    expect(engine.takeIncidents()).toEqual([{ kind: 'died', message: FAULTS[0][2] }]);
    vm.reset();
    vm.access(batch, verdicts, new Uint8Array(3));
    expect([...verdicts]).toEqual([0, 0, 1]);
  });
});

describe('a fault that happens again', () => {
  test.each(FAULTS)('%s fails the case and no other', (fault, _, message) => {
    const engine = start(faultyCommand(fault, `on=${SYSENTER_CS}`), limitOf(fault));
    const runner = new Runner(engine, CONFIG);
    const failure = { event: 5, message: `threw Error: ${message}` };
    const batch = [{ ...OTHER }, SCENARIO, { ...OTHER }];
    for (const scenario of batch) runner.begin(scenario);
    expect(resultOf(runner, batch[0]!)).toEqual(EXPECTED_OTHER);
    expect(resultOf(runner, SCENARIO)).toMatchObject({ failure });
    expect(resultOf(runner, batch[2]!)).toEqual(EXPECTED_OTHER);
    // Not announced before.
    if (fault === 'die') expect(resultOf(runner, { ...SCENARIO })).toMatchObject({ failure });
    expect(resultOf(runner, OTHER)).toEqual(EXPECTED_OTHER);
    // What is told as a failure is not told as an incident.
    expect(engine.takeIncidents()).toEqual([]);
  });

  test('a restart that answers otherwise is a failure', () => {
    const engine = start(faultyCommand('forget', `on=${SYSENTER_CS}`, `once=${join(folder, 'forget')}`));
    expect(resultOf(new Runner(engine, CONFIG), SCENARIO)).toMatchObject({
      failure: { event: 5, message: 'threw Error: answered CAP differently after a restart' },
    });
    expect(engine.takeIncidents()).toEqual([]);
  });
});

test('VMs take the process by turns', () => {
  const engine = start(faultyCommand());
  const [a, b, c] = [engine.createVm(CONFIG), engine.createVm(CONFIG), new Runner(engine, CONFIG)];
  const batch = { indices: Uint32Array.of(0x10, 0x174), types: new Uint8Array(2) };
  const deny = (base: number) => ({ flags: 0, ranges: [{ flags: 3, nmsrs: 1, base, bitmap }] });
  const verdictsOf = (vm: typeof a): number[] => {
    const verdicts = new Uint8Array(2);
    vm.access(batch, verdicts, new Uint8Array(2));
    return [...verdicts];
  };
  c.begin(SCENARIO);
  a.setFilter(deny(0x10), 'normal');
  b.setFilter(deny(0x174), 'normal');
  expect(verdictsOf(a)).toEqual([1, 0]);
  expect(verdictsOf(b)).toEqual([0, 1]);
  expect(resultOf(c, SCENARIO)).toEqual(EXPECTED);
  expect(verdictsOf(a)).toEqual([1, 0]);
  // Another configuration: of the same content, and with other base outcomes.
  const empty = engine.createVm({ ...CONFIG, base: new BaseTable([]) });
  expect(verdictsOf(empty)).toEqual([1, 1]);
  expect(verdictsOf(b)).toEqual([0, 1]);
  expect(engine.takeIncidents()).toEqual([]);
});

describe('in a campaign', () => {
  const ledger = new Ledger(SHIPPED_LEDGER, CONFIG.profile.id, '2026-01-01');
  const shardOf = (command: string) => {
    const engine = start(command);
    const runner = new ShardRunner([reference, interval, engine], {
      seed: 3n,
      vm: CONFIG,
      ledger,
      accessesPerCase: 1024,
    });
    return runner.run({
      shard: 0,
      firstCase: 0,
      cases: 24,
      steering: NEUTRAL_STEERING,
      knownPairs: new Uint8Array(0),
      reductions: NOTHING_REDUCED,
      timeouts: [],
    });
  };

  test('a death is a finding of no effect on the results; a lie is a divergence with its normal form', () => {
    const sound = shardOf(faultyCommand());
    expect(sound.divergences).toEqual([]);
    expect(sound.incidents).toEqual([]);

    const dying = shardOf(faultyCommand('die', 'at=30', `once=${join(folder, 'campaign')}`));
    expect(dying.digest).toBe(sound.digest);
    expect(dying.divergences).toEqual([]);
    expect(dying.incidents).toMatchObject([{ kind: 'engine-error', subject: 'faulty' }]);
    expect(dying.incidents[0]!.message).toContain('the process was ended by SIGKILL');

    const lying = shardOf(faultyCommand('lie', `on=${SYSENTER_CS}`));
    expect({ verdicts: lying.verdicts, accesses: lying.accesses }).toEqual({
      verdicts: sound.verdicts,
      accesses: sound.accesses,
    });
    expect(lying.divergences).toMatchObject([{ kind: 'verdict', subject: 'faulty', size: 2, reliability: 1 }]);
    expect(lying.divergences[0]!.scenario).toContain('["0x174", "r"]');
  });

  test.each([
    ['die', 'threw Error: the process was ended by SIGKILL'],
    ['no-verdict', 'wrote 9, which is no verdict'],
  ])('%s, again and again, is an engine-error where it strikes', (fault, message) => {
    const engine = start(faultyCommand(fault, `on=${SYSENTER_CS}`));
    const evaluator = new Evaluator([reference, interval, engine], CONFIG, ledger);
    let struck = 0;
    for (const scenario of generated(8, 10, 1024)) {
      const found: Observation[] = [];
      if (!evaluator.run(scenario)) evaluator.observe((seen) => found.push(seen) < 0);
      const strikes = scenario.events.some(
        (event) => event.kind === 'access' && event.batch.indices.includes(SYSENTER_CS),
      );
      if (strikes) struck++;
      expect(found.map(({ kind, subject, message }) => ({ kind, subject, message }))).toEqual(
        strikes ? [{ kind: 'engine-error', subject: 2, message }] : [],
      );
    }
    expect(struck).toBeGreaterThan(1);
    expect(struck).toBeLessThan(10);
  });
});

describe('an engine that does not start', () => {
  test.each([
    ['exit-at-once', /^engine: the process exited with code 127: error while loading shared libraries \(check the/],
    ['bad-magic', /^engine: answered HELLO without the magic number \(see docs\/engine-protocol.md\)$/],
    ['bad-version', /speaks version 2 of the protocol instead of 1/],
    ['bad-name', /has the name "white space"/],
    ['few-events', /filter and access events/],
  ])('%s is not available', (fault, message) => {
    expect(() => start(faultyCommand(fault))).toThrow(message);
    expect(() => start(faultyCommand(fault))).toThrow(expect.objectContaining({ code: 'MSRDIFF_ENGINE' }));
  });

  test('a silent one neither', () => {
    const launch = { argv: ['sh', '-c', faultyCommand('no-hello')], transport: 'stdio', startMs: 2_000 } as const;
    let waits = 0;
    expect(() => startRemote({ launch, timeoutMs: 1000, onWait: () => waits++ })).toThrow(
      'no answer to HELLO within 2 s',
    );
    expect(waits).toBeGreaterThan(2);
  });

  test('but one that is killed while it starts is started again, a shell around it or not', () => {
    for (const [name, killing] of Object.entries({ itself: 'kill -9 $$', child: "sh -c 'kill -9 $$'; exit $?" })) {
      const marker = join(folder, `killed-${name}`);
      const engine = start(`[ -e ${marker} ] || { touch ${marker}; ${killing}; }; ${faultyCommand('die', 'at=0')}`);
      expect(engine.name).toBe('faulty');
    }
  });

  test('nor a program that is not there', () => {
    const launch = { argv: ['/nonexistent/engine'], transport: 'stdio', startMs: 30_000 } as const;
    expect(() => startRemote({ launch, timeoutMs: 1000 })).toThrow(
      '/nonexistent/engine: the process cannot be started (ENOENT)',
    );
  });

  test('one that does not start again is not available from then on', () => {
    const marker = join(folder, 'gone');
    const engine = start(`[ -e ${marker} ] && exit 9; touch ${marker}; ${faultyCommand('die', 'at=1')}`);
    const runner = new Runner(engine, CONFIG);
    for (let n = 0; n < 3; n++) {
      expect(resultOf(runner, SCENARIO)).toMatchObject({
        failure: { message: 'threw Error: engine: the process exited with code 9 (check the command)' },
      });
    }
  });
});
