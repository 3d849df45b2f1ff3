import { existsSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { engineSpecs } from '../engines/registry.ts';
import { RunThread } from '../fuzz/run-thread.ts';
import { divergence } from '../store/store.fixture.ts';
import { scratchFolder, testServer } from './app.fixture.ts';

const folder = scratchFolder();
const module = (name: string, allowed: string, before = ''): string => {
  const path = join(folder, `${name}.mjs`);
  writeFileSync(
    path,
    `${before}\nexport const name = '${name}';\nexport function allowed(filter, index) { ${allowed} }\n`,
  );
  return path;
};
const withModule = (path: string, thread = new RunThread()) =>
  testServer({ engines: engineSpecs(['reference', 'vmx'], [path]), thread });

const FILTER = {
  filter: { flags: 'deny', ranges: [{ flags: 'rw', base: '0x174', nmsrs: 2, bitmap: { allow: ['0x174'] } }] },
};
const text = JSON.stringify({
  events: [
    { cap: '0x4' },
    FILTER,
    {
      access: [
        ['0x174', 'r'],
        ['0x175', 'w'],
      ],
    },
  ],
});
const body = { scenario: text, profile: '6.18' };
const verdictsOf = (json: { events: { accesses?: { verdicts: { verdict: string }[] }[] }[] }): string[][] =>
  json.events.flatMap(({ accesses = [] }) => accesses.map(({ verdicts }) => verdicts.map(({ verdict }) => verdict)));

describe('the built-in engines', async () => {
  const { post } = await testServer({ divergences: [divergence('ca01')], stored: engineSpecs(['svm', 'canary'], []) });
  test('a scenario', async () => {
    const { status, json } = await post('/api/run', body);
    expect(status).toBe(200);
    expect(json.engines).toEqual(['reference', 'interval', 'vmx', 'svm']);
    expect(json.absent).toEqual([]);
    expect(verdictsOf(json)).toEqual([Array(4).fill('allow'), Array(4).fill('filter')]);
    expect(json.bitmaps.map(({ engine }: { engine: string }) => engine)).toEqual(['vmx', 'svm']);
  });
  test('with the engines of a divergence', async () => {
    const { json } = await post('/api/run', { ...body, divergence: 'ca' });
    expect(json.engines).toEqual(['reference', 'interval', 'vmx', 'svm', 'canary']);
  });
  test.each([
    [{ ...body, scenario: '{"events": [{}]}' }, 400, /scenario: events\[0\]: expected exactly one key/],
    [{ ...body, scenario: '{' }, 400, /scenario:1:2: not valid JSON/],
    [{ ...body, profile: '4.2' }, 400, /profile: known are/],
    [{ scenario: text }, 400, /profile: missing/],
    [{ ...body, divergence: 'ff' }, 404, /no divergence ff/],
    [{ ...body, divergence: '../x' }, 400, /hex digits/],
    [{ ...body, engines: ['x'] }, 400, /engines: unknown key/],
  ])('refused: %j', async (request, status, pattern) => {
    const { status: got, json } = await post('/api/run', request);
    expect(got).toBe(status);
    expect(json.error).toMatch(pattern);
  });
  test('4,096 accesses, and one more', async () => {
    const accesses = (count: number) => JSON.stringify({ events: [{ access: Array(count).fill(['0x174', 'r']) }] });
    const { json } = await post('/api/run', { ...body, scenario: accesses(4096) });
    expect(json.events[0].accesses).toHaveLength(4096);
    const { status } = await post('/api/run', { ...body, scenario: accesses(4097) });
    expect(status).toBe(400);
  });
  test('of many edits at once, the first and the last are run', async () => {
    const answers = await Promise.all(Array.from({ length: 6 }, () => post('/api/run', body)));
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 200).length).toBeGreaterThanOrEqual(2);
    expect(statuses.at(-1)).toBe(200);
    expect(statuses.filter((status) => status !== 200).every((status) => status === 409)).toBe(true);
    expect(statuses).toContain(409);
  });
});

describe('engines of users', () => {
  test('one that throws has no part in the rest', async () => {
    const { post } = await withModule(module('throws', "if (index === 0x175) throw new Error('odd'); return true;"));
    const { status, json } = await post('/api/run', body);
    expect(status).toBe(200);
    expect(verdictsOf(json)).toEqual([
      ['allow', 'allow', 'allow'],
      ['filter', 'filter', '-'],
    ]);
    expect(json.events[2].notes.throws).toBe('threw Error: odd');
  });
  test('one that hangs is ended, named, and the others answer', async () => {
    const path = module('hangs', 'if (index === 0x175) for (;;); return true;');
    const { post } = await withModule(path, new RunThread({ timeoutMs: 1_500 }));
    const { status, json } = await post('/api/run', body);
    expect(status).toBe(200);
    expect(json.engines).toEqual(['reference', 'vmx']);
    expect(json.absent).toEqual([{ engine: path, reason: 'did not come back within 1.5 s' }]);
    // The next edit may be one that it survives.
    const fewer = JSON.stringify({ events: [FILTER, { access: [['0x174', 'r']] }] });
    expect((await post('/api/run', { ...body, scenario: fewer })).json.engines).toEqual(['reference', 'vmx', 'hangs']);
  });
  test.each([
    ['exits', 'process.exit(3)', /ended its thread with code 3/],
    ['eats', 'const all = []; for (;;) all.push(new Array(1e5).fill(all.length));', /took its thread down/],
  ])('one that takes its thread down: %s', async (name, code, reason) => {
    const { post } = await withModule(module(name, code), new RunThread({ timeoutMs: 50_000 }));
    const { json } = await post('/api/run', body);
    expect(json.engines).toEqual(['reference', 'vmx']);
    expect(json.absent[0].reason).toMatch(reason);
  });
  test('one that throws from a timer, between two runs', async () => {
    const mark = join(folder, 'late.mark');
    // Long after the first run, also on a busy machine.
    const late = `import { writeFileSync } from 'node:fs';
setTimeout(() => { writeFileSync(${JSON.stringify(mark)}, ''); throw new Error('late'); }, 3_000);`;
    const { post } = await withModule(module('late', 'return true;', late));
    expect((await post('/api/run', body)).json.engines).toContain('late');
    await expect.poll(() => existsSync(mark)).toBe(true);
    // By when the end of the thread has been told.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect((await post('/api/run', body)).json.engines).toContain('late');
  });
  test('one that hangs while it is loaded, and one that does not load', async () => {
    const path = module('asleep', 'return true;', 'for (;;);');
    const { post } = await withModule(path, new RunThread({ timeoutMs: 1_500 }));
    expect((await post('/api/run', body)).json.absent).toEqual([
      { engine: path, reason: 'did not come back within 1.5 s' },
    ]);
    const broken = await withModule(module('broken', 'return true;', "throw new Error('at import');"));
    expect((await broken.post('/api/run', body)).json.absent[0].reason).toMatch(/does not load: at import/);
  });
  test('one that is edited on disk is loaded again', async () => {
    const path = module('edited', 'return true;');
    const { post } = await withModule(path);
    expect(verdictsOf((await post('/api/run', body)).json)[1]).toEqual(['filter', 'filter', 'allow']);
    module('edited', 'return index !== 0x175;');
    utimesSync(path, new Date(), new Date(Date.now() + 5_000));
    expect(verdictsOf((await post('/api/run', body)).json)[1]).toEqual(['filter', 'filter', 'filter']);
  });
  test('a name that is taken', async () => {
    const path = join(folder, 'twin.mjs');
    writeFileSync(path, "export const name = 'vmx';\nexport function allowed() { return true; }\n");
    const { post } = await withModule(path);
    expect((await post('/api/run', body)).json.absent).toEqual([
      { engine: path, reason: 'another engine is named "vmx"' },
    ]);
  });
  test('commands and kernels of a divergence are left out, and said to be', async () => {
    const stored = [
      { kind: 'command', command: 'touch never' },
      { kind: 'kernel', name: 'kvm-vmx@6.1', options: {} },
    ] as const;
    const { post } = await testServer({ divergences: [divergence('cc01')], stored });
    const { json } = await post('/api/run', { ...body, divergence: 'cc01' });
    expect(json.engines).toEqual(['reference', 'interval', 'vmx', 'svm']);
    expect(json.absent).toEqual([
      { engine: 'touch never', reason: expect.stringContaining('--engine-command') },
      { engine: 'kvm-vmx@6.1', reason: expect.stringContaining('msrdiff replay') },
    ]);
  });
});
