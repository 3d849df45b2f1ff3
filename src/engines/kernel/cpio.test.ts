import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { type CpioEntry, cpioArchive } from './cpio.ts';

const entries: CpioEntry[] = [
  { kind: 'folder', path: 'dev' },
  { kind: 'character-device', path: 'dev/console', major: 5, minor: 1 },
  { kind: 'file', path: 'list', content: Buffer.from('kvm.ko force_emulation_prefix=1\n') },
  { kind: 'file', path: 'empty', content: new Uint8Array() },
  { kind: 'file', path: 'init', content: new Uint8Array(1001).fill(7), executable: true },
];

describe('cpioArchive', () => {
  it('gives the same bytes for the same entries, in whole blocks', () => {
    const archive = cpioArchive(entries);
    expect(archive.equals(cpioArchive(entries))).toBe(true);
    expect(archive.length % 512).toBe(0);
  });

  it('writes headers, names and contents aligned to four bytes', () => {
    const archive = cpioArchive([{ kind: 'file', path: 'ab', content: Buffer.from('xyz') }]);
    const number = (field: number) => Number.parseInt(archive.toString('latin1', 6 + field * 8, 14 + field * 8), 16);
    expect(archive.toString('latin1', 0, 6)).toBe('070701');
    expect([number(1), number(5), number(6), number(11)]).toEqual([0o100644, 0, 3, 3]);
    expect(archive.toString('latin1', 110, 116)).toBe('ab\0\0\0\0'.slice(0, 6));
    expect(archive.toString('latin1', 116, 120)).toBe('xyz\0');
    expect(archive.toString('latin1', 120, 126)).toBe('070701');
    expect(archive.includes('TRAILER!!!')).toBe(true);
  });

  it('is read by cpio(1)', ({ skip }) => {
    const { error, stdout, status } = spawnSync('cpio', ['-itv', '--quiet'], { input: cpioArchive(entries) });
    if (error) skip('cpio is not installed');
    const lines = stdout.toString().trim().split('\n');
    expect(status).toBe(0);
    expect(lines.map((line) => line.split(/\s+/).at(-1))).toEqual(['dev', 'dev/console', 'list', 'empty', 'init']);
    expect(lines[0]).toMatch(/^drwxr-xr-x/);
    expect(lines[1]).toMatch(/^crw------- .* 5, +1 /);
    expect(lines[4]).toMatch(/^-rwxr-xr-x .* 1001 /);
  });
});
