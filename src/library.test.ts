import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import * as msrdiff from './library.ts';

const { builtInEngine, explainDivergence, minimizeScenario, proveFilter, proveRanges, proveStates, runCampaign } =
  msrdiff;

const folder = mkdtempSync(join(tmpdir(), 'msrdiff-library-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Path of a module with that text. */
function moduleOf(name: string, text: string): string {
  const path = join(folder, `${name}.mjs`);
  writeFileSync(path, text);
  return path;
}

const FILTER = { flags: 'deny', ranges: [{ flags: 'rw', base: '0x174', nmsrs: 3, bitmap: { allow: ['0x174'] } }] };
const SCENARIO: msrdiff.ScenarioJson = {
  events: [
    { cap: '0x7' },
    { filter: FILTER },
    {
      access: [
        ['0x174', 'r'],
        ['0x175', 'w'],
        ['0x1a0', 'r'],
      ],
    },
  ],
};
const reference = builtInEngine('reference');
/** Denies one MSR too many. */
const denies = msrdiff.fromDecision('denies', (filter, index) => filter === null && index !== 0x1a0);
const hangs = {
  ...reference,
  name: 'hangs',
  createVm: (config: Parameters<typeof reference.createVm>[0]) => {
    const vm = reference.createVm(config);
    const access = vm.access.bind(vm);
    vm.access = (batch, verdicts, routes) => {
      if (batch.indices.length > 1) for (;;);
      access(batch, verdicts, routes);
    };
    return vm;
  },
};

describe('campaigns', () => {
  it('give the same in threads, with any number of them, and in this thread', async () => {
    const options = { cases: 96, seed: 3 };
    const threads = await runCampaign(['reference', 'interval', 'canary'], { ...options, workers: 2 });
    const here = await runCampaign(['reference', 'interval', builtInEngine('canary')], options);
    expect(here.digest).toBe(threads.digest);
    expect(here.found).toEqual(threads.found);
    expect(here.found.every(({ engine }) => engine === 'canary')).toBe(true);
    expect(here.found.length).toBeGreaterThan(0);
    expect(here).toMatchObject({ cases: 96, seed: 3n, profile: '6.18', completed: true });
    expect(here.engines).toEqual(['reference', 'interval', 'canary']);
    expect(Object.values(here.verdicts).reduce((sum, n) => sum + n)).toBe(here.accesses);
  });

  it('take URLs, functions and namespaces', async () => {
    const path = moduleOf('all', 'export const name = "all";\nexport const allowed = () => true;\n');
    for (const engine of [pathToFileURL(path), path, await import(path), () => true]) {
      const { found } = await runCampaign(['reference', engine], { cases: 64, seed: 1, stopAtFirst: true });
      expect(found[0]).toMatchObject({ kind: 'verdict', results: { reference: expect.stringMatching(/gp|filter/) } });
      const [explanation] = await explainDivergence(found[0]!, ['reference', engine]);
      expect(explanation).toMatch(/^event \d+, access \d+: (RD|WR)MSR 0x/);
    }
  });

  it('end by signal, time and the first divergence, and tell how far they are', async () => {
    const stop = new AbortController();
    const seen: number[] = [];
    const onProgress = ({ cases }: msrdiff.CampaignProgress): void => {
      seen.push(cases);
      stop.abort();
    };
    const aborted = await runCampaign(['reference', builtInEngine('interval')], { signal: stop.signal, onProgress });
    expect(aborted.completed).toBe(false);
    expect(seen[0]).toBe(64);
    expect(seen.at(-1)).toBe(aborted.cases);
    expect(await runCampaign(['reference', 'interval'], { seconds: 0.2 })).toMatchObject({
      completed: true,
      found: [],
    });
    const first = await runCampaign(['reference', builtInEngine('canary')], { cases: 6400, stopAtFirst: true });
    expect(first.completed).toBe(false);
    expect(first.cases).toBeLessThan(6400);
    const before = await runCampaign(['reference', 'interval'], { signal: AbortSignal.abort() });
    expect(before).toMatchObject({ cases: 0, completed: false });
  });

  it('survive an engine that does not return, in this thread and in others, and go on without it', {
    timeout: 240_000,
  }, async () => {
    const path = moduleOf(
      'loops',
      'export const name = "loops";\nexport const allowed = (f, i) => { while (i === 0x174); return true; };\n',
    );
    for (const engine of [hangs, path]) {
      const { found, cases } = await runCampaign(['reference', engine, 'interval'], {
        cases: 64,
        seed: 1,
        timeout: 0.6,
      });
      expect(found.map(({ kind, message }) => [kind, message])).toContainEqual([
        'engine-timeout',
        'no answer within 0.6 s',
      ]);
      expect(cases).toBe(64);
      const { scenario } = found.find(({ kind }) => kind === 'engine-timeout')!;
      expect(scenario.events.length).toBeLessThan(4);
    }
    const creation = {
      ...reference,
      name: 'late',
      createVm: () => {
        for (;;);
      },
    };
    const refused = runCampaign(['reference', creation], { cases: 1, timeout: 0.2 });
    await expect(refused).rejects.toThrow(msrdiff.EngineUnavailable);
  });

  it('report what an engine throws', async () => {
    const throwing = msrdiff.fromDecision('throwing', () => {
      throw new RangeError('no such bit');
    });
    const { found } = await runCampaign(['reference', throwing], { cases: 64, seed: 1 });
    expect(found[0]).toMatchObject({ kind: 'engine-error', engine: 'throwing' });
    expect(found[0]!.message).toContain('RangeError: no such bit');
  });

  it('count what the ledger knows, and report it where that is asked for', async () => {
    const options = { cases: 256, seed: 5 };
    const counted = await runCampaign(['reference', 'interval', 'vmx'], options);
    expect(counted.found).toEqual([]);
    const reported = await runCampaign(['reference', 'interval', 'vmx'], { ...options, ledger: false });
    expect(counted.known['tsc-deadline-fastpath'] ?? 0).toBeGreaterThan(0);
    expect(reported.found[0]).toMatchObject({ engine: 'vmx', msr: 0x6e0, write: true });
  });
});

describe('the minimizer', () => {
  it('gives the normal form, the same in threads and in this one', async () => {
    const path = moduleOf(
      'denies',
      'export const name = "denies";\nexport const allowed = (filter, index) => filter === null && index !== 0x1a0;\n',
    );
    const here = await minimizeScenario(SCENARIO, ['reference', denies]);
    expect(here).toEqual(await minimizeScenario(JSON.stringify(SCENARIO), ['reference', path]));
    expect(here).toHaveLength(1);
    expect(here[0]).toMatchObject({ kind: 'verdict', engine: 'denies', results: { reference: 'allow', denies: 'gp' } });
    expect(JSON.stringify(here[0]!.scenario).length).toBeLessThan(JSON.stringify(SCENARIO).length);
    expect(await minimizeScenario(SCENARIO, ['reference', 'interval'])).toEqual([]);
  });

  it('names the engine that does not return', async () => {
    const [lost] = await minimizeScenario(SCENARIO, ['reference', hangs], { timeout: 0.6 });
    expect(lost).toMatchObject({ kind: 'engine-timeout', engine: 'hangs', message: 'no answer within 0.6 s' });
    expect(await explainDivergence(lost!, ['reference', hangs])).toEqual([]);
  });
});

describe('the prover', () => {
  it('proves one filter, all filters, and sequences', async () => {
    const progress: number[] = [];
    const onProgress = ({ shards }: msrdiff.ProofProgress): void => void progress.push(shards);
    const one = await proveFilter(FILTER, ['reference', 'interval', 'vmx'], { mask: 4, apic: 'xapic', onProgress });
    expect(one).toMatchObject({ outcome: 'proven', shards: progress.length, divergence: undefined });
    expect(one.statement[0]).toContain('exit mask 4, APIC mode xapic');
    expect(one.limits.length).toBeGreaterThan(0);
    expect(await proveRanges(1, ['reference', builtInEngine('interval')])).toMatchObject({ outcome: 'proven' });
    expect(await proveStates(1, ['reference', 'svm'])).toMatchObject({ outcome: 'proven' });
  });

  it('disproves, with the divergence in its normal form', async () => {
    for (const prove of [proveFilter(FILTER, ['reference', denies]), proveRanges(1, ['reference', denies])]) {
      const { outcome, divergence, witness } = await prove;
      expect(outcome).toBe('disproven');
      expect(divergence).toMatchObject({ kind: 'verdict', engine: 'denies' });
      expect(JSON.parse(witness!)).toHaveProperty('events');
    }
    const lost = await proveRanges(1, ['reference', hangs], { timeout: 0.6 });
    expect(lost).toMatchObject({ outcome: 'disproven', divergence: { kind: 'engine-timeout', engine: 'hangs' } });
  });

  it('stops by signal', async () => {
    const unfinished = await proveRanges(2, ['reference', builtInEngine('interval')], { signal: AbortSignal.abort() });
    expect(unfinished).toMatchObject({ outcome: 'unfinished', shards: 0 });
  });
});

describe('filters, scenarios, profiles and names', () => {
  it('are read and written', () => {
    const filter = msrdiff.parseFilter(FILTER);
    expect(msrdiff.parseFilter(msrdiff.formatFilter(filter))).toEqual(filter);
    expect(msrdiff.decodeFilter(msrdiff.encodeFilter(filter))).toEqual(filter);
    const scenario = msrdiff.parseScenario(SCENARIO);
    expect(msrdiff.parseScenario(msrdiff.formatScenario(scenario))).toEqual(scenario);
    expect(msrdiff.kernelProfiles().at(-1)!.id).toBe('6.18');
    expect(msrdiff.msrIndices('sysenter').map(msrdiff.msrName)).toContain('IA32_SYSENTER_CS');
  });
});

describe('what is wrong is said in one line', () => {
  const pair = ['reference', 'interval'];
  const anything = (value: unknown): never => value as never;

  it.each<[string, () => unknown, string]>([
    ['one engine', () => runCampaign(['reference']), 'give a list of two engines or more: a comparison needs two'],
    ['no list', () => runCampaign(anything('vmx')), 'give a list of two engines or more'],
    ['a misspelt name', () => runCampaign(['reference', 'intervall']), 'unknown engine "intervall": give reference,'],
    [
      'no such path',
      () => runCampaign(['reference', './none.mjs']),
      'none.mjs cannot be read (ENOENT): check the path',
    ],
    ['a folder', () => runCampaign(['reference', folder]), `${folder} is a folder: give the path of the module`],
    [
      'a web address',
      () => runCampaign(['reference', new URL('https://a.example/b')]),
      'engine https://a.example/b is no "file:" URL',
    ],
    ['no engine', () => runCampaign(['reference', anything(null)]), 'an engine is a name, a path, an object or a'],
    ['half an engine', () => runCampaign(['reference', anything({ name: 'x' })]), 'engine: lacks both "createVm" and'],
    [
      'a kernel beside an object',
      () => runCampaign([reference, 'kvm-vmx@6.12']),
      'kvm-vmx@6.12 runs in a process: give',
    ],
    ['the same twice', () => runCampaign(['vmx', builtInEngine('vmx')]), 'two engines are named "vmx"'],
    ['a bad name', () => msrdiff.fromDecision('a b', () => true), 'engine: lacks a "name" of up to 64 letters'],
    ['an option too many', () => runCampaign(pair, anything({ case: 1 })), 'runCampaign: case: no such key'],
    ['half a case', () => runCampaign(pair, { cases: 0.5 }), 'runCampaign: cases: give a whole number from 1 on'],
    ['no time', () => runCampaign(pair, { seconds: 0 }), 'runCampaign: seconds: give a number of seconds greater'],
    ['a negative seed', () => runCampaign(pair, { seed: -1 }), 'runCampaign: seed: give a whole number from 0 to'],
    ['a word as seed', () => runCampaign(pair, { seed: 'x' }), 'runCampaign: seed: give a whole number from 0 to'],
    [
      'no such kernel',
      () => runCampaign(pair, { profile: '2.6' }),
      'runCampaign: profile: no such kernel profile; known',
    ],
    ['no signal', () => runCampaign(pair, anything({ signal: 1 })), 'runCampaign: signal: give an AbortSignal'],
    ['no options', () => runCampaign(pair, anything(7)), 'runCampaign: options: '],
    ['too many ranges', () => proveRanges(6, pair), 'proveRanges: ranges: give a whole number from 1 to 5'],
    ['too large a mask', () => proveFilter(FILTER, pair, { mask: 8 }), 'proveFilter: mask: give a number from 0 to 7'],
    ['no APIC mode', () => proveFilter(FILTER, pair, anything({ apic: 'x' })), 'proveFilter: apic: give one of none,'],
    ['no filter', () => proveFilter(anything({ flags: 'x' }), pair), 'filter: '],
    ['no JSON', () => proveFilter('{', pair), 'filter:1:2: not valid JSON'],
    ['a kernel to be proven', () => proveRanges(1, ['reference', 'kvm-vmx@6.12']), 'in a process of its own cannot be'],
    ['no scenario', () => minimizeScenario(anything({ events: [{ x: 1 }] }), pair), 'scenario: '],
    ['bytes that are cut off', () => msrdiff.decodeFilter(new Uint8Array(3), 'f.bin'), 'f.bin: 3 bytes; '],
  ])('%s', async (_, call, message) => {
    const error: unknown = await (async () => call())().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toSatisfy((e) => e instanceof msrdiff.InputError || e instanceof msrdiff.EngineUnavailable);
    expect((error as Error).message).toContain(message);
    expect((error as Error).message).not.toContain('\n');
  });
});
