import { describe, expect, it } from 'vitest';
import { access, allow, deny, run } from './history.fixture.ts';

const UNKNOWN = 'r 0xdeadbeef';
/** Handled when read, rejected when written. */
const INVALID = 'r 0x802';

/** Alexander Graf and Jim Mattson, 29 July 2020; PATCH "Deflect unknown MSR accesses to user space". */
describe('deflect-2020-07', () => {
  it('has no filter: the ioctl is not there', () => {
    expect(run('deflect-2020-07', deny('r 0x8b 1 0'), allow(), access('r 0x8b'))).toEqual([
      '-ENOTTY',
      '-ENOTTY',
      ['allow'],
    ]);
  });

  it('exits for unknown MSRs once enabled, and for nothing else', () => {
    expect(run('deflect-2020-07', access(UNKNOWN))).toEqual([['gp']]);
    expect(run('deflect-2020-07', { cap: '0x1' }, access(UNKNOWN, INVALID))).toEqual(['0', ['inval', 'gp']]);
  });

  it('"to move logic like \'ignore_msrs\' into user space": enabled, it comes before the module parameter', () => {
    expect(run('deflect-2020-07', { ignoreMsrs: true }, access(UNKNOWN))).toEqual([null, ['allow']]);
    expect(run('deflect-2020-07', { ignoreMsrs: true }, { cap: '0x1' }, access(UNKNOWN))).toEqual([
      null,
      '0',
      ['inval'],
    ]);
    expect(run('allowlist-v2', { ignoreMsrs: true }, { cap: '0x1' }, access(UNKNOWN))).toEqual([null, '0', ['allow']]);
  });

  it('"trap the rest into user space", or another of the three actions', () => {
    expect(run('deflect-2020-07.exit', access(UNKNOWN))).toEqual([['inval']]);
    expect(run('deflect-2020-07.gp', { cap: '0x1' }, access(UNKNOWN))).toEqual(['0', ['gp']]);
    expect(run('deflect-2020-07.ignore', access(UNKNOWN))).toEqual([['allow']]);
  });

  it("takes user space's answer", () => {
    const events = [{ cap: '0x1' }, access(UNKNOWN), { reply: { error: 1, data: '0x0' } }];
    expect(run('deflect-2020-07', ...events, { reply: { error: 0, data: '0x0' } })).toEqual([
      '0',
      ['inval'],
      'gp',
      'no-exit-pending',
    ]);
  });

  it('refuses flags and other capabilities', () => {
    expect(run('deflect-2020-07', { cap: '0x1', flags: '0x1' }, { cap: '0x1', number: 189 })).toEqual([
      '-EINVAL',
      '-EINVAL',
    ]);
  });
});

/** "to request that specific MSR accesses exit to userspace" (29 July 2020). */
describe('exit-list', () => {
  it('exits for what is named, whether KVM knows it or not, without being enabled', () => {
    expect(run('exit-list', allow('rw 0x8b 1 0', 'rw 0xdeadbeef 1 0'), access('r 0x8b', 'w 0x8b', UNKNOWN))).toEqual([
      '0',
      ['filter', 'filter', 'filter'],
    ]);
  });

  it('changes nothing else, and has no capability to deflect the rest', () => {
    expect(run('exit-list', { cap: '0x1' }, allow('rw 0x8b 1 0'), access('r 0xe7', UNKNOWN))).toEqual([
      '-EINVAL',
      '0',
      ['allow', 'gp'],
    ]);
  });

  it('cannot name directions or everything', () => {
    expect(run('exit-list', allow('r 0x8b 1 0'))).toEqual([null]);
    expect(run('exit-list', deny('rw 0x8b 1 0'))).toEqual([null]);
  });

  it('keeps its list if the new one cannot be read', () => {
    expect(run('exit-list', allow('rw 0x8b 1 0'), allow('rw 0x8c 1 -'), access('r 0x8b'))).toEqual([
      '0',
      '-EFAULT',
      ['filter'],
    ]);
  });
});

/** PATCH v7 6/7, 16 September 2020. */
describe('filter-v7', () => {
  it('knows two reasons, INVAL 1 and FILTER 2: an unknown MSR is INVAL', () => {
    const denied = allow('r 0x8b 1 0');
    expect(run('filter-v7', denied, { cap: '0x2' }, access('r 0x8b', UNKNOWN)).at(-1)).toEqual(['filter', 'gp']);
    expect(run('filter-v7', denied, { cap: '0x1' }, access('r 0x8b', UNKNOWN)).at(-1)).toEqual(['gp', 'inval']);
    const later = run('filter-1a155254ff93', denied, { cap: '0x6' }, access('r 0x8b', UNKNOWN));
    expect(later.at(-1)).toEqual(['filter', 'unknown']);
  });

  it('keeps 32 bits of the mask', () => {
    expect(run('filter-v7', { cap: '0x100000000' }, access(UNKNOWN))).toEqual(['0', ['gp']]);
  });

  it('with "an empty set of ranges [...] KVM_MSR_FILTER_DEFAULT_DENY no longer has any effect" (api.rst)', () => {
    expect(run('filter-v7', deny(), access('r 0x8b'))).toEqual(['0', ['allow']]);
    expect(run('filter-v7', deny('0xff 0x0 0 -'), access('r 0x8b'))).toEqual(['0', ['allow']]);
  });

  it('copies before it checks flags, and refuses flags 0', () => {
    expect(run('filter-v7', deny('0x0 0x0 1 -'), deny('0x0 0x0 1 1'), deny('0x4 0x0 12289 -'))).toEqual([
      '-EFAULT',
      '-EINVAL',
      '-EINVAL',
    ]);
  });

  it('leaves a half-built filter after an error, with the new default', () => {
    const events = [allow('r 0x8b 1 0'), deny('r 0xe7 1 1', '0x4 0x0 1 1'), access('r 0xe7', 'r 0x8b', 'r 0x1b')];
    expect(run('filter-v7', ...events)).toEqual(['0', '-EINVAL', ['allow', 'gp', 'gp']]);
    expect(run('filter-5.10', ...events)).toEqual(['0', '-EINVAL', ['allow', 'gp', 'allow']]);
  });
});

/** "MSR Filtering updates", 3 July 2022: "Don't deflect MSRs to userspace that can't be filtered". */
describe('update-2022', () => {
  it('keeps x2APIC faults in the kernel; what was merged does not', () => {
    const events = [{ cap: '0x1' }, access('r 0x802')];
    expect(run('update-2022-v1', ...events)).toEqual(['0', ['gp']]);
    for (const name of ['filter-2022-07', 'update-2022-v4', 'filter-6.1']) {
      expect(run(name, ...events)).toEqual(['0', ['inval']]);
    }
  });
});
