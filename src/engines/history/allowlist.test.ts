import { describe, expect, it } from 'vitest';
import { access, allow, deny, run } from './history.fixture.ts';

const VERSIONS = ['allowlist-v2', 'allowlist-v3', 'allowlist-v4', 'allowlist-v5'];

/** PATCH v2 2/3 and its successors; quotes are from Jim Mattson's mail on v4 2/3 (19 August 2020) unless said. */
describe.each(VERSIONS)('%s', (name) => {
  it('"MSR allowlist not set up, allow everything"', () => {
    expect(run(name, access('r 0x10', 'w 0x8b'))).toEqual([['allow', 'allow']]);
  });

  it('no range matches: "bool r = false;"', () => {
    expect(run(name, deny('r 0xe7 1 1'), access('r 0xe7', 'r 0x8b', 'w 0x8b'))).toEqual(['0', ['allow', 'gp', 'gp']]);
  });

  it('takes 10 ranges, "Why 10?", and answers E2BIG to the next, which the others survive', () => {
    const ranges = Array.from({ length: 11 }, (_, i) => `r 0x${(0x100 + i).toString(16)} 1 1` as const);
    expect(run(name, deny(...ranges.slice(0, 10)), access('r 0x8b'))).toEqual(['0', ['gp']]);
    expect(run(name, deny(...ranges), access('r 0x8b'))).toEqual(['-E2BIG', ['gp']]);
  });

  it('refuses overlap only if "(start < end) && (range->flags & ranges[i].flags)"', () => {
    expect(run(name, deny('r 0x0 8 1', 'r 0x7 8 1'))).toEqual(['-EINVAL']);
    expect(run(name, deny('r 0x0 8 1', 'r 0x8 8 1'))).toEqual(['0']);
    // "could I specify an allow list for READ [...] and an allow list for WRITE": it could be done.
    expect(run(name, deny('r 0x0 8192 1', 'w 0x0 8192 1'))).toEqual(['0']);
  });

  it('misses the overlap of a range whose end wraps: base + nmsrs is a u32', () => {
    expect(run(name, deny('r 0xfffffff0 16 1', 'r 0xfffffff0 16 1'))).toEqual(['0']);
    expect(run(name, deny('r 0xfffffff0 15 1', 'r 0xfffffff0 15 1'))).toEqual(['-EINVAL']);
  });

  it('accepts flags 0, and a range of no MSRs, which are ranges that match nothing', () => {
    expect(run(name, deny('0x0 0x8b 1 1'), access('r 0x8b'))).toEqual(['0', ['gp']]);
    expect(run(name, deny('rw 0x8b 0 -'), access('r 0x8b'))).toEqual(['0', ['gp']]);
  });

  it('checks size, then copies, then checks flags, then counts, then looks for overlap', () => {
    expect(run(name, deny('0x4 0x0 12289 -'))).toEqual(['-EINVAL']);
    expect(run(name, deny('0x4 0x0 12288 -'))).toEqual(['-EFAULT']);
    expect(run(name, deny('0x4 0x0 12288 1'))).toEqual(['-EINVAL']);
    const full = Array.from({ length: 10 }, (_, i) => `r 0x${i.toString(16)} 1 1` as const);
    expect(run(name, deny(...full, 'r 0x0 1 1'))).toEqual(['-E2BIG']);
    expect(run(name, deny(...full, '0x4 0x0 1 1'))).toEqual(['-EINVAL']);
  });

  it('the first range that fails names the errno, and those before it stay in force', () => {
    expect(run(name, deny('r 0xe7 1 1', 'r 0x11 1 -', '0x8 0x12 1 1'), access('r 0xe7', 'r 0x8b'))).toEqual([
      '-EFAULT',
      ['allow', 'gp'],
    ]);
  });

  it('has no x2APIC exemption', () => {
    expect(run(name, { apic: 'x2apic' }, deny('r 0x0 1 1'), access('r 0x802'))).toEqual([null, '0', ['gp']]);
    expect(run('filter-6.18', { apic: 'x2apic' }, deny('r 0x0 1 1'), access('r 0x802'))).toEqual([
      null,
      '0',
      ['allow'],
    ]);
  });

  it('does not reach MSRs that are passed through, unless they are emulated', () => {
    expect(run(name, deny('r 0x0 1 1'), access('r 0x174'))).toEqual(['0', ['allow']]);
    expect(run(name, deny('r 0x0 1 1'), { access: [['0x174', 'r']], form: 'emulator' })).toEqual(['0', ['gp']]);
  });

  it('lets every #GP exit once the capability is on; the exit names no reason', () => {
    expect(run(name, { cap: '0x100000000' }, deny('r 0x0 1 1'), access('r 0x8b', 'r 0xdeadbeef'))).toEqual([
      '0',
      '0',
      ['inval', 'inval'],
    ]);
  });

  it('cannot express DEFAULT_ALLOW with a range: it takes no part from there on', () => {
    expect(run(name, allow('r 0x0 1 1'), access('r 0x8b'))).toEqual([null, null]);
  });

  it('has one ioctl number for 32-bit and 64-bit user space, the bitmap being inline', () => {
    const { filter } = deny('r 0x0 1 1') as { filter: never };
    expect(run(name, { filter, delivery: 'compat' })).toEqual(['0']);
  });
});

describe('what the versions differ in', () => {
  it('v2 has no CLEAR: the next filter is added to the one before', () => {
    const events = [deny('r 0xe7 1 1'), deny('r 0x8b 1 1'), access('r 0xe7', 'r 0x8b')];
    expect(run('allowlist-v2', ...events)).toEqual(['0', '0', ['allow', 'allow']]);
    expect(run('allowlist-v3', ...events)).toEqual(['0', '0', ['gp', 'allow']]);
  });

  it('v2 cannot be switched off, v3 can: "Add KVM_X86_CLEAR_MSR_ALLOWLIST" (cover letter of v7)', () => {
    const events = [deny('r 0x0 1 1'), allow(), access('r 0x8b')];
    expect(run('allowlist-v2', ...events)).toEqual(['0', null, null]);
    expect(run('allowlist-v3', ...events)).toEqual(['0', '0', ['allow']]);
  });
});

describe('what reviewers proposed', () => {
  it('"Wouldn\'t 0x400 be a more natural size"', () => {
    expect(run('allowlist-v4.0x400', deny('r 0x0 8192 1'))).toEqual(['0']);
    expect(run('allowlist-v4.0x400', deny('r 0x0 8193 1'))).toEqual(['-EINVAL']);
    expect(run('allowlist-v4', deny('r 0x0 8193 1'))).toEqual(['0']);
  });

  it('"I don\'t see why you have to prohibit overlapping ranges at all"', () => {
    expect(run('allowlist-v4.overlap', deny('r 0x8b 1 1', 'r 0x8b 8 0'), access('r 0x8b', 'r 0x8c'))).toEqual([
      '0',
      ['allow', 'gp'],
    ]);
  });

  it('"Perhaps -EPERM is more appropriate here?": a denial is told from an unknown MSR', () => {
    const events = [{ cap: '0x1' }, deny('r 0xdeadbeef 1 1'), access('r 0x8b', 'r 0xdeadbeef')];
    expect(run('allowlist-v4.eperm', ...events).at(-1)).toEqual(['filter', 'inval']);
    expect(run('allowlist-v4', ...events).at(-1)).toEqual(['inval', 'inval']);
  });

  it('"a specified action for disallowed MSRs: (1) raise #GP, (2) ignore, or (3) exit to userspace" (29 July 2020)', () => {
    const events = [{ cap: '0x1' }, deny('r 0x0 1 1'), access('r 0x8b')];
    expect(run('allowlist-v5.gp', ...events).at(-1)).toEqual(['gp']);
    expect(run('allowlist-v5.ignore', ...events).at(-1)).toEqual(['allow']);
    expect(run('allowlist-v5.exit', ...events.slice(1)).at(-1)).toEqual(['inval']);
  });
});
