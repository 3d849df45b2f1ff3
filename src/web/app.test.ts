import { describe, expect, test } from 'vitest';
import { engineSpecs } from '../engines/registry.ts';
import { formatScenario } from '../model/scenario-json.ts';
import { divergence } from '../store/store.fixture.ts';
import { Store } from '../store/store.ts';
import { testServer } from './app.fixture.ts';

const READ = formatScenario({
  events: [{ kind: 'access', batch: { indices: Uint32Array.of(0), types: Uint8Array.of(0) } }],
});
const canary = {
  ...divergence('ca0001', 9),
  ...{ subject: 'canary', profile: '6.18', scenario: READ, vector: { reference: 0, canary: 1 }, size: 1 },
  ...{ msr: 0, write: false, rules: ['every decision inverted'] },
};
const command = "false # an engine's command";
const server = await testServer({
  divergences: [
    canary,
    divergence('ab01', 1),
    {
      ...divergence('ab02', 2),
      kind: 'errno',
      expected: -22,
      got: 0,
      msr: null,
      write: null,
      rules: [],
      message: 'odd',
    },
  ],
  stored: engineSpecs(['reference', 'canary'], []),
});
const { get, post } = server;

async function expectError(answer: ReturnType<typeof get>, status: number, pattern: RegExp): Promise<void> {
  const { json, ...got } = await answer;
  expect(got.status).toBe(status);
  expect(Object.keys(json)).toEqual(['error']);
  expect(json.error).toMatch(pattern);
  expect(json.error).not.toMatch(/\n/);
}

test('overview', async () => {
  const { json } = await get('/api/overview');
  expect(json).toMatchObject({
    ...{ version: '1.2.3', database: 'test.db', readOnly: false, reopened: 0 },
    counts: { new: 3, triaged: 0, known: 0, fixed: 0, 'wont-fix': 0 },
    facets: { subjects: ['canary', 'svm'], kinds: ['errno', 'verdict'], profiles: ['6.18', 'newest'] },
  });
  const [campaign] = json.campaigns;
  expect(campaign).toMatchObject({
    id: 1,
    state: 'running',
    seed: '18446744073709551615',
    divergences: 3,
    firstSeen: 3,
  });
  expect(campaign.limit).toEqual({ cases: null, seconds: null });
  const { engines, counts } = json.matrix;
  const between = (a: string, b: string): number => counts[engines.indexOf(a)][engines.indexOf(b)];
  expect(between('reference', 'svm')).toBe(2);
  expect(between('svm', 'reference')).toBe(2);
  expect(between('reference', 'canary')).toBe(1);
  expect(between('svm', 'canary')).toBe(0);
  expect(between('svm', 'svm')).toBe(0);
});

test('progress of a campaign', async () => {
  const { json } = await get('/api/campaigns/1/progress');
  expect(json.campaign.id).toBe(1);
  expect(json.points).toEqual([]);
  await expectError(get('/api/campaigns/7/progress'), 404, /no campaign 7/);
  await expectError(get('/api/campaigns/x/progress'), 400, /number of a campaign/);
});

describe('divergences', () => {
  test.each([
    ['', ['ab01', 'ab02', 'ca0001']],
    ['order=cases', ['ca0001', 'ab02', 'ab01']],
    ['order=cases&limit=1&offset=1', ['ab02']],
    ['order=size', ['ca0001', 'ab01', 'ab02']],
    ['engine=canary', ['ca0001']],
    ['kind=errno', ['ab02']],
    ['kind=errno,verdict&order=cases', ['ca0001', 'ab02', 'ab01']],
    ['status=triaged,fixed', []],
    ['verdict=gp&engine=svm', ['ab01']],
    ['verdict=filter', []],
    ['rule=range%20end%20inclusive', ['ab01']],
    ['msr=sysenter_cs', ['ab01']],
    ['msr=0x174', ['ab01']],
    ['msr=372', ['ab01']],
    ['msr=no_such_name', []],
    ['profile=6.18', ['ca0001']],
    ['campaign=1&engine=canary', ['ca0001']],
    ['campaign=2', []],
    ['reopened=1', []],
    ['text=ODD', ['ab02']],
    ['text=&engine=', ['ab01', 'ab02', 'ca0001']],
    ['between=reference,canary', ['ca0001']],
  ])('%s', async (query, ids) => {
    const { json } = await get(`/api/divergences?${query}`);
    const got = json.rows.map(({ id }: { id: string }) => id);
    expect(query.includes('order') ? got : got.sort()).toEqual(ids);
    if (!query.includes('limit')) expect(json.total).toBe(ids.length);
    else expect(json).toMatchObject({ total: 3, offset: 1 });
  });
  test.each([
    ['nonsense=1', /unknown parameter "nonsense"; known: status/],
    ['limit=201', /limit: expected a number from 1 to 200/],
    ['limit=-1', /limit/],
    ['offset=x', /offset/],
    ['campaign=0', /campaign/],
    ['status=lost', /status: expected some of new, triaged/],
    ['verdict=maybe', /verdict: expected one of allow, gp/],
    ['order=id', /order/],
    ['reopened=yes', /reopened/],
    ['between=reference', /two engines/],
    ['text=a&text=b', /text is given twice/],
    [`text=${'x'.repeat(300)}`, /longer than 200/],
    [`kind=${'a,'.repeat(70)}`, /more than 64 values/],
    ['__proto__=1', /unknown parameter/],
  ])('refused: %s', (query, pattern) => expectError(get(`/api/divergences?${query}`), 400, pattern));
  test('a row', async () => {
    const { json } = await get('/api/divergences?engine=canary');
    expect(json.rows[0]).toMatchObject({
      ...{ id: 'ca0001', status: 'new', reopened: 0, expected: 'allow', got: 'gp', write: false },
      ...{ msr: { index: 0, name: 'IA32_P5_MC_ADDR' }, cases: 9 },
    });
    expect((await get('/api/divergences?kind=errno')).json.rows[0]).toMatchObject({
      expected: '-EINVAL',
      got: '0',
      msr: null,
    });
  });
  test('one, by a prefix', async () => {
    const { json } = await get('/api/divergences/CA');
    expect(json).toMatchObject({
      ...{ id: 'ca0001', scenario: READ, results: { reference: 'allow', canary: 'gp' }, seed: '18446744073709551615' },
      history: [],
      occurrences: [{ campaign: 1, cases: 9, firstCase: 7 }],
    });
    expect(json.formats).toContain('c');
    const other = (await get('/api/divergences/ab01')).json;
    expect(other.results).toEqual({ reference: 'allow', svm: 'gp', vmx: '-' });
    expect(other.survival).toEqual([
      { cases: 0, share: 1 },
      { cases: 8, share: 0 },
    ]);
  });
  test('none, several, no id', async () => {
    for (const rest of ['', '/explanation', '/export/c']) {
      await expectError(get(`/api/divergences/ff${rest}`), 404, /no divergence ff/);
      await expectError(get(`/api/divergences/ab${rest}`), 409, /ambiguous.*ab01, ab02/);
      await expectError(get(`/api/divergences/xyz${rest}`), 400, /hex digits/);
    }
  });
});

describe('statuses', () => {
  test('set with a note, and a note alone', async () => {
    const { status, json } = await post('/api/divergences/ab02/status', {
      status: 'known',
      note: 'as 6.1',
      author: ' me ',
    });
    expect(status).toBe(200);
    expect(json).toMatchObject({ id: 'ab02', status: 'known' });
    expect(json.history).toMatchObject([{ author: 'me', status: 'known', note: 'as 6.1' }]);
    const again = await post('/api/divergences/ab02/status', { note: 'line\nline', author: 'me' });
    expect(again.json.status).toBe('known');
    expect(again.json.history[1]).toMatchObject({ status: null, note: 'line\nline' });
    expect((await get('/api/overview')).json.counts).toMatchObject({ new: 2, known: 1 });
    expect((await get('/api/divergences?status=known')).json.total).toBe(1);
  });
  test.each([
    ['{', /body:1:2: not valid JSON/],
    [[], /expected an object/],
    [{ note: 'x' }, /author: missing/],
    [{ note: 'x', author: '' }, /author: expected a name/],
    [{ note: 'x', author: 'a\nb' }, /author: expected a name/],
    [{ note: ' ', author: 'me' }, /neither a status nor a note/],
    [{ note: '', author: 'me', status: 'open' }, /status: expected one of new, triaged/],
    [{ note: 'x', author: 'me', id: 'ab01' }, /id: unknown key/],
    [{ note: 'x'.repeat(10_001), author: 'me' }, /note: longer/],
  ])('refused: %j', (body, pattern) => expectError(post('/api/divergences/ab01/status', body), 400, pattern));
  test('of a divergence that is not there', () =>
    expectError(post('/api/divergences/ff/status', { note: 'x', author: 'me' }), 404, /no divergence ff/));
  test('what a writer that is busy leaves undone is said', async () => {
    const other = await Store.open(server.path);
    try {
      const held = Reflect.get(other, 'db');
      await Reflect.get(server.writer, 'db').exec('PRAGMA busy_timeout = 20');
      await held.exec('BEGIN IMMEDIATE');
      await expectError(post('/api/divergences/ab01/status', { note: 'x', author: 'me' }), 503, /is locked/);
      await held.exec('ROLLBACK');
    } finally {
      await other.close();
    }
  });
});

test('export', async () => {
  const { status, headers, text } = await get('/api/divergences/ca/export/c');
  expect(status).toBe(200);
  expect(headers.get('content-disposition')).toBe('attachment; filename="divergence-ca0001.c"');
  expect(text).toContain('Divergence ca0001: verdict of canary');
  expect((await get('/api/divergences/ca/export/json')).text).toBe(READ);
  const { json } = await get('/api/divergences/ca');
  expect(json.formats).toContain('kselftest');
  expect((await get('/api/divergences/ca/export/kselftest')).text).toContain('TEST_REQUIRE');
  // With why, which runs the engines.
  expect((await get('/api/divergences/ca/export/markdown')).text).toContain('canary');
  await expectError(get('/api/divergences/ca/export/binary'), 400, /filter/);
  await expectError(get('/api/divergences/ca/export/exe'), 400, /expected one of json, binary/);
});

describe('explanation', () => {
  test('of the engines that it was stored with', async () => {
    const { json } = await get('/api/divergences/ca/explanation');
    expect(json.explanation).toMatchObject({
      subject: 'canary',
      expected: 'allow',
      got: 'gp',
      standsAlone: ['canary'],
    });
  });
  test('of one that is gone, and of one that does not come back', async () => {
    expect((await get('/api/divergences/ab01/explanation')).json).toEqual({ explanation: null });
    const { get: ask } = await testServer({ divergences: [{ ...canary, kind: 'engine-timeout' }] });
    const { json } = await ask('/api/divergences/ca/explanation');
    expect(json).toEqual({ explanation: null, refused: expect.stringContaining('does not come back') });
  });
  test('a command of the database is not run unless it was permitted', async () => {
    const stored = [...engineSpecs(['reference'], []), { kind: 'command', command }] as const;
    const { get } = await testServer({ divergences: [canary], stored });
    const { status, json } = await get('/api/divergences/ca/explanation');
    expect(status).toBe(200);
    expect(json.explanation).toBeNull();
    expect(json.refused).toContain('--engine-command');
    const permitted = await testServer({ divergences: [canary], stored, commands: [command] });
    expect((await permitted.get('/api/divergences/ca/explanation')).json.refused).toMatch(/engine command/);
  });
});

test('profiles', async () => {
  const { json } = await get('/api/profiles');
  expect(json.newest).toBe('6.18');
  expect(json.profiles).toContain('5.10');
});

test('no route', async () => {
  await expectError(get('/api/nonsense'), 404, /no such route/);
  await expectError(get('/api'), 404, /no such route/);
  await expectError(post('/api/overview', {}), 404, /no such route/);
});

test('a fault of msrdiff itself says nothing of its insides', async () => {
  const broken = await testServer();
  await broken.writer.close();
  Object.defineProperty(broken.writer, 'setStatus', {
    value: () => {
      throw new TypeError('secret of line 12');
    },
  });
  await expectError(post.call(null, '/api/nonsense', {}), 404, /route/);
  await expectError(broken.post('/api/divergences/aa01/status', { note: 'x', author: 'me' }), 500, /^internal error/);
});
