import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { exited, lastJson, msrdiff, scratchFolder, start } from './cli.ts';

const folder = scratchFolder();
const file = (name: string): string => join(folder, name);

function writeModule(name: string, body: string): string {
  const path = file(`${name}.mjs`);
  writeFileSync(path, `export default { name: '${name}', allowed(filter, index, write) { ${body} } };\n`);
  return path;
}

/** The rule, as an engineer would write it. */
const SCAN = `
  if (filter === null || (index >= 0x800 && index <= 0x8ff)) return true;
  for (const { flags, base, nmsrs, bitmap } of filter.ranges) {
    if (base + nmsrs > 0xffffffff || index < base || index >= base + nmsrs) continue;
    if ((flags & (write ? 2 : 1)) === 0) continue;
    return ((bitmap[(index - base) >> 3] >> ((index - base) & 7)) & 1) === 1;
  }
  return (filter.flags & 1) === 0;`;

describe('prove', () => {
  test('every filter with up to 2 ranges, checks the certificate, and finds that an engine changed', () => {
    const module = writeModule('scan', SCAN);
    const certificate = file('scan.json');
    const run = msrdiff('prove', '--ranges', '2', '--engine-module', module, '--certificate', certificate);
    expect(run.stdout).toMatch(/^Proven\.$/m);
    expect(run.code).toBe(0);
    expect(readFileSync(file('scan.txt'), 'utf8')).toMatch(
      /^msrdiff proof: proven\n[\s\S]*2 ranges, x2apic: orders: 409/,
    );
    const check = msrdiff('prove', '--check', certificate, '--all', '--json');
    expect(lastJson(check)).toMatchObject({ holds: true, problems: [], again: lastJson(check).shards });
    expect(check.code).toBe(0);
    writeModule('scan', `${SCAN} `);
    const changed = msrdiff('prove', '--check', certificate);
    expect(changed.stdout).toMatch(/wrong: engine scan has changed/);
    expect(changed.code).toBe(1);
  });

  test('an engine that is wrong: the divergence is stored, reduced, and replays', () => {
    const module = writeModule('inclusive', SCAN.replace('index >= base + nmsrs', 'index > base + nmsrs'));
    const args = ['--certificate', file('wrong.json'), '--database', file('wrong.db')];
    const run = msrdiff('prove', '--ranges', '1', '--engine-module', module, ...args, '--json');
    expect(run.code).toBe(1);
    const { outcome, disproof } = lastJson(run) as { outcome: string; disproof: { divergence: string } };
    expect(outcome).toBe('disproven');
    const replay = msrdiff('replay', disproof.divergence, '--database', file('wrong.db'));
    expect(replay.stdout).toMatch(/diverges: verdict, inclusive, event 1, access 0: RDMSR 0x1/);
    expect(replay.code).toBe(1);
    const shown = msrdiff('show', disproof.divergence, '--database', file('wrong.db'));
    expect(shown.stdout).toMatch(/^first in +campaign 1, a proof$/m);
    const check = msrdiff('prove', '--check', file('wrong.json'));
    expect(check.stdout).toMatch(/wrong: it says "disproven"/);
    expect(check.code).toBe(1);
  });

  test('an engine that hangs, or takes its thread down', () => {
    const hanging = writeModule('hanging', `if (filter?.ranges.length === 2) for (;;);\n${SCAN}`);
    const ending = writeModule('ending', `if (filter?.ranges.length === 2) process.exit(9);\n${SCAN}`);
    for (const [name, module] of Object.entries({ hanging, ending })) {
      const args = ['--certificate', file(`${name}.json`), '--database', file(`${name}.db`), '--timeout', '1'];
      const run = msrdiff('prove', '--ranges', '2', '--engine-module', module, ...args);
      expect(run.stdout).toMatch(/^Disproven: /m);
      expect(run.code).toBe(1);
    }
  });

  test('although a thread was lost once', () => {
    const marker = file('struck');
    const body = `if (!existsSync('${marker}')) { writeFileSync('${marker}', ''); process.exit(9); }${SCAN}`;
    const module = writeModule('unlucky', body);
    const imports = "import { existsSync, writeFileSync } from 'node:fs';\n";
    writeFileSync(module, imports + readFileSync(module, 'utf8'));
    const run = msrdiff('prove', '--ranges', '1', '--engine-module', module, '--certificate', file('unlucky.json'));
    expect(run.stdout).toMatch(/^Proven\.$/m);
    expect([run.code, existsSync(marker)]).toEqual([0, true]);
  });

  test('sequences of state changes', () => {
    const run = msrdiff('prove', '--states', '2', '--certificate', file('states.json'), '--json');
    expect(lastJson(run)).toMatchObject({ outcome: 'proven', cases: 256 });
    expect(run.code).toBe(0);
  });
});

describe('prove, one filter', () => {
  const filter = file('filter.json');
  writeFileSync(
    filter,
    JSON.stringify({
      flags: 'deny',
      ranges: [
        { flags: 'rw', base: '0x7f0', nmsrs: 300, bitmap: { allow: ['0x7f0', '0x8ff', '0x905'] } },
        { flags: 'w', base: '0xfffffff0', nmsrs: 64, bitmap: { deny: [] } },
        { flags: 'r', base: '0xc0000080', nmsrs: 200, bitmap: { deny: ['0xc0000100'] } },
      ],
    }),
  );

  test('by elementary segments, in all four engines', () => {
    const args = ['--engines', 'reference,interval,vmx,svm', '--certificate', file('filter-proof.json'), '--json'];
    const run = msrdiff('prove', '--filter', filter, ...args);
    expect(run.code).toBe(0);
    const { outcome, counts } = lastJson(run) as { outcome: string; counts: Record<string, number> };
    expect(outcome).toBe('proven');
    for (const name of ['reference', 'interval', 'vmx', 'svm']) expect(counts[`compiled:${name}`]).toBe(1);
    expect(msrdiff('prove', '--check', file('filter-proof.json')).code).toBe(0);
  });

  test('a module has no compiled form: the certificate says what is assumed', () => {
    const module = writeModule('assumed', SCAN);
    const args = ['--engine-module', module, '--certificate', file('assumed.json'), '--json'];
    const { outcome, counts } = lastJson(msrdiff('prove', '--filter', filter, ...args)) as Record<string, object>;
    expect(outcome).toBe('proven');
    expect(counts).toMatchObject({ 'assumed:assumed': 1, 'compiled:reference': 1 });
  });

  test('brute force stops, says how far it got, and goes on', () => {
    const path = file('brute.json');
    const args = ['--method', 'brute-force', '--certificate', path, '--seconds', '2'];
    const run = msrdiff('prove', '--filter', filter, ...args);
    expect(run.stdout).toMatch(/Not finished \(out of time\): \d+ of 512 shards/);
    expect(run.code).toBe(4);
    const done = (): number => JSON.parse(readFileSync(path, 'utf8')).done.length;
    const before = done();
    expect(before).toBeGreaterThan(0);
    expect(msrdiff('prove', '--resume', path, '--seconds', '2').code).toBe(4);
    expect(done()).toBeGreaterThan(before);
  });

  test('brute force finds one access in 2^33', () => {
    const module = writeModule('one', `if (index === 0x174 && write) return true;${SCAN}`);
    const args = ['--method', 'brute-force', '--engine-module', module, '--database', file('one.db'), '--json'];
    const run = msrdiff('prove', '--filter', filter, '--certificate', file('one.json'), ...args);
    expect(run.code).toBe(1);
    const { disproof } = lastJson(run) as { disproof: { divergence: string } };
    const replay = msrdiff('replay', disproof.divergence, '--database', file('one.db'));
    expect(replay.stdout).toMatch(/WRMSR 0x174/);
  });

  test('random filters, the same for the same seed', () => {
    const digests = [1, 2].map((workers) => {
      const args = ['--seed', '5', '--workers', String(workers), '--certificate', file('random.json'), '--json'];
      const run = msrdiff('prove', '--random', '600', ...args);
      expect(run.code).toBe(0);
      return lastJson(run).digest;
    });
    expect(digests[0]).toBe(digests[1]);
  });

  test('random filters: a module is run on every bit', () => {
    const module = writeModule(
      'offset',
      SCAN.replace('(index - base) >> 3]', '(index - base === 777 ? 0 : index - base) >> 3]'),
    );
    const args = ['--random', '40', '--seed', '1', '--engine-module', module, '--certificate', file('offset.json')];
    expect(msrdiff('prove', ...args, '--database', file('offset.db')).code).toBe(1);
  });

  test('a disproof that cannot be stored is told all the same', () => {
    const args = [
      '--engines',
      'reference,canary',
      '--certificate',
      file('canary.json'),
      '--database',
      '/dev/null/x.db',
    ];
    const run = msrdiff('prove', '--ranges', '1', ...args);
    expect(run.stdout).toMatch(/^Disproven: verdict, canary: .*\(not stored: /m);
    expect(run.code).toBe(1);
    expect(JSON.parse(readFileSync(file('canary.json'), 'utf8')).outcome).toBe('disproven');
  });

  test('a proof that was begun is not thrown away', () => {
    const args = ['--filter', filter, '--method', 'brute-force', '--certificate', file('begun.json')];
    expect(msrdiff('prove', ...args, '--seconds', '2').code).toBe(4);
    const again = msrdiff('prove', ...args);
    expect(again.stderr).toMatch(/begun\.json is an unfinished proof: go on with --resume/);
    expect(again.code).toBe(2);
  });

  test('that ends within the time that it was given is finished', () => {
    const args = ['--filter', filter, '--certificate', file('short.json'), '--seconds', '0.001'];
    const run = msrdiff('prove', ...args);
    const { outcome } = JSON.parse(readFileSync(file('short.json'), 'utf8'));
    expect([run.code, outcome]).toEqual(run.code === 0 ? [0, 'proven'] : [4, 'unfinished']);
  });

  test('that the ioctl refuses is refused', () => {
    const refused = file('refused.json');
    writeFileSync(refused, JSON.stringify({ flags: 'deny', ranges: [] }));
    const run = msrdiff('prove', '--filter', refused, '--certificate', file('refused-proof.json'));
    expect(run.stderr).toMatch(/^msrdiff: .*refuse/);
    expect(run.code).toBe(2);
  });
});

describe('prove --lemmas', () => {
  test('writes them for any solver', () => {
    const folder = file('smt2');
    const run = msrdiff('prove', '--lemmas', '--smt2', folder);
    expect(run.code).toBe(0);
    const written = readdirSync(folder);
    expect(written.length).toBeGreaterThan(40);
    for (const name of written) expect(readFileSync(join(folder, name), 'utf8')).toMatch(/\(check-sat\)\s*$/);
  });

  test('proves them', () => {
    const path = file('lemmas.json');
    const run = msrdiff('prove', '--lemmas', '--certificate', path, '--json');
    const { proven, lemmas } = lastJson(run) as { proven: number; lemmas: object[] };
    expect(lemmas.length).toBeGreaterThan(40);
    const words = readFileSync(file('lemmas.txt'), 'utf8');
    expect(words).toMatch(/^msrdiff lemmas: proven\n\n- range-type, proven: /);
    expect(words.match(/^- [a-z0-9-]+, proven: /gm)).toHaveLength(lemmas.length);
    expect(proven).toBe(lemmas.length);
    expect(run.code).toBe(0);
    const check = msrdiff('prove', '--check', path);
    expect(check.stdout).toBe(`Holds: ${proven} lemmas, proven again.\n`);
    expect(check.code).toBe(0);
    const { lemmas: rows, ...rest } = JSON.parse(readFileSync(path, 'utf8'));
    const forged = rows.slice(1).map((row: object, i: number) => (i === 0 ? { ...row, smt2: '0'.repeat(64) } : row));
    writeFileSync(path, JSON.stringify({ ...rest, lemmas: forged }));
    const wrong = msrdiff('prove', '--check', path);
    expect(wrong.stdout).toMatch(/is another formula now\nwrong: lemma range-type is missing\nDoes not hold\.\n$/);
    expect(wrong.code).toBe(1);
  });
});

describe('a proof that is stopped', () => {
  const digests = (path: string): unknown => {
    const { digest, cases, accesses, counts, outcome } = JSON.parse(readFileSync(path, 'utf8'));
    return { digest, cases, accesses, counts, outcome };
  };

  test('by its time limit or by Ctrl-C goes on where it was, and ends as if it had not been', async () => {
    // Some seconds, in a few dozen shards.
    const LONG = ['--random', '8000', '--seed', '1'];
    const whole = file('whole.json');
    expect(msrdiff('prove', ...LONG, '--certificate', whole).code).toBe(0);
    const part = file('part.json');
    const first = msrdiff('prove', ...LONG, '--certificate', part, '--seconds', '1');
    expect(first.stdout).toMatch(
      /Not finished \(out of time\): \d+ of \d+ shards\. To continue: msrdiff prove --resume/,
    );
    expect(first.code).toBe(4);
    const second = start('prove', '--resume', part);
    second.stdout!.once('data', () => second.kill('SIGINT'));
    const interrupted = await exited(second);
    expect(interrupted.code).toBe(130);
    expect(interrupted.stdout).toMatch(/Not finished \(interrupted\)/);
    expect(msrdiff('prove', '--resume', part).code).toBe(0);
    expect(digests(part)).toEqual(digests(whole));
    const again = msrdiff('prove', '--resume', part);
    expect(again.stderr).toMatch(/^msrdiff: .*part\.json is proven: there is nothing to resume\n$/);
    expect(again.code).toBe(2);
  }, 120_000);

  test('is not resumed with another engine', () => {
    const module = writeModule('slow', SCAN);
    const part = file('other.json');
    msrdiff('prove', '--ranges', '3', '--engine-module', module, '--certificate', part, '--seconds', '0.5');
    writeModule('slow', `${SCAN} `);
    const run = msrdiff('prove', '--resume', part);
    expect(run.stderr).toMatch(/^msrdiff: .*engine slow has changed.*: start the proof again\n$/);
    expect(run.code).toBe(2);
  });
});

describe('wrong use', () => {
  test.each([
    [['prove'], /nothing to prove: give one of --filter/],
    [['prove', '--ranges', '2', '--states', '2'], /--ranges and --states are different proofs/],
    [['prove', '--ranges', '9'], /whole number from 1 to 5/],
    [['prove', '--filter', 'missing.json'], /missing\.json cannot be read \(ENOENT\)/],
    [['prove', '--check', 'missing.json'], /missing\.json cannot be read \(ENOENT\)/],
    [['prove', '--ranges', '1', '--engines', 'reference'], /names one engine/],
    [['prove', '--ranges', '1', '--certificate', '/dev/null/x.json'], /cannot be written/],
  ])('%s', (args, message) => {
    const run = msrdiff(...args);
    expect(run.stderr).toMatch(message);
    expect(
      run.stderr
        .trim()
        .split('\n')
        .filter((line) => !line.startsWith('(see')),
    ).toHaveLength(1);
    expect(run.code).toBe(2);
  });

  test('kernels cannot be proven', () => {
    const run = msrdiff('prove', '--ranges', '1', '--engines', 'reference,kvm');
    expect(run.stderr).toMatch(/process of its own cannot be proven/);
    expect(run.code).toBe(3);
  });

  test('leaves no certificate behind where nothing was begun', () => {
    msrdiff('prove', '--ranges', '1', '--engines', 'reference,none', '--certificate', file('none.json'));
    expect(existsSync(file('none.json'))).toBe(false);
  });
});
