import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { expectRefusal, lastJson, msrdiff, scratchFolder } from './cli.ts';

const folder = scratchFolder();

describe('changelog', () => {
  test('a table of changes with witnesses, and what announced them', () => {
    const outcome = msrdiff('changelog', '--from', 'filter-v7', '--to', '1a155254ff93', '--cases', '40');
    expect(outcome.stderr).toBe('');
    expect(outcome.stdout).toMatchInlineSnapshot(`
      "filter-v7 -> filter-1a155254ff93: 2 changes, 0 unexplained; 120 cases

      change         cases     witness
      unknownReason  22 of 40  exit mask 0x1; WRMSR 0x0: inval, then gp
      filterBit      14 of 40  filter DEFAULT_ALLOW {r 0x0 deny}; exit mask 0x2; RDMSR 0x0: filter, then gp

      unknownReason
        before: an unknown MSR exits with reason INVAL
        after: an unknown MSR exits with reason UNKNOWN
        announced: api.rst at 1a155254ff93, "The kvm_run structure": "KVM_MSR_EXIT_REASON_UNKNOWN - access to MSR that is unknown to KVM"

      filterBit
        before: KVM_MSR_EXIT_REASON_FILTER is 1 << 1
        after: KVM_MSR_EXIT_REASON_FILTER is 1 << 2
        announced: PATCH v8 7/8, "KVM: x86: Introduce MSR filtering", 2020-09-25: "adapt KVM_MSR_EXIT_REASON_FILTER value"
      "
    `);
    expect(outcome.code).toBe(0);
  });

  test('as JSON, with scenarios to replay', () => {
    const outcome = msrdiff('changelog', '--from', '5.10', '--to', '5.10.154', '--cases', '40', '--json');
    const { changes, unexplained } = lastJson(outcome) as {
      changes: { rule: string; witness: { scenario: { events: unknown[] }; before: string; after: string } }[];
      unexplained: unknown[];
    };
    expect(unexplained).toEqual([]);
    expect(changes.map(({ rule }) => rule)).toEqual(['unknownMaskBitsRejected', 'unknownFilterFlagsRejected']);
    expect(changes[0]!.witness).toMatchObject({
      before: '0',
      after: '-EINVAL',
      scenario: { events: [{ cap: '0x8' }] },
    });
  });

  test('the same answer for the same seed', () => {
    const args = ['changelog', '--from', 'deflect-2020-07', '--to', 'exit-list', '--cases', '30', '--seed', '9'];
    expect(msrdiff(...args).stdout).toBe(msrdiff(...args).stdout);
  });

  test.each([
    [['--from', 'nope', '--to', '6.1'], /'nope' is invalid. Known are deflect-2020-07, .*filter-6\.18/],
    [['--from', '6.1', '--to', 'filter-6.1.gp'], /'filter-6.1.gp' is invalid. Known are/],
    [['--from', '6.1'], /required option '--to <generation>' not specified/],
    [['--from', '6.1', '--to', '6.18', '--cases', '0'], /--cases/],
    [['--from', '6.1', '--to', '6.18', '--seconds', 'x'], /--seconds/],
  ] as const)('%j is refused in one line', (args, pattern) => {
    expectRefusal(msrdiff('changelog', ...args), pattern);
  });
});

describe('generations as engines', () => {
  test('are listed under their own heading, and are no defaults', () => {
    const { stdout } = msrdiff('engines');
    expect(stdout).toMatch(/^generation \(engine\)\n(.*\n)*allowlist-v2 /m);
    const { engines, generations } = JSON.parse(msrdiff('engines', '--json').stdout) as Record<
      string,
      { name: string }[]
    >;
    expect(engines!.map(({ name }) => name)).not.toContain('allowlist-v2');
    expect(generations!.map(({ name }) => name)).toContain('update-2022-v1');
  });

  test('take part in campaigns by name', () => {
    const args = ['fuzz', '--cases', '64', '--database', join(folder, 'generations.db'), '--json', '--engines'];
    expect(msrdiff(...args, 'reference,filter-6.18').code).toBe(0);
    expect(msrdiff(...args, 'filter-5.10,filter-5.10.0').code).toBe(1);
  });
});
