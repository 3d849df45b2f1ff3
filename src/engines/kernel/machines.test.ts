import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bochsLaunch } from './bochs.ts';
import { bochsObstacle } from './bochs-parts.ts';
import { DISK_HEADS, DISK_SECTORS_PER_TRACK } from './boot-disk.ts';
import { parseKernelEngine } from './engine-name.ts';
import { initramfs } from './initramfs.ts';
import { kernelCommandLine } from './kernel-arguments.ts';
import { availability, kernelLaunch } from './machines.ts';
import { qemuCommand } from './qemu.ts';
import { findTool } from './tool.ts';

describe('parseKernelEngine', () => {
  it.each([
    ['kvm', { route: 'native' }],
    ['kvm-svm@6.1', { route: 'svm', version: '6.1' }],
    ['kvm-vmx@6.12.115-patched', { route: 'vmx', version: '6.12.115-patched' }],
    ['kvm-svm', undefined],
    ['kvm-svm@', undefined],
    ['kvm-svm@../x', undefined],
    ['kvm-tdx@6.1', undefined],
    ['svm', undefined],
  ])('%s', (name, expected) => {
    expect(parseKernelEngine(name)).toEqual(expected);
  });
});

describe('kernelLaunch', () => {
  it('says what is missing and how to get it', () => {
    expect(() => kernelLaunch('kvm-svm@0.0')).toThrow(/kernel fetch 0\.0$|apt install/);
    expect(() => kernelLaunch('nonsense')).toThrow(/^"nonsense" is no kernel engine: give kvm, /);
    const { available } = availability('kvm-vmx@0.0');
    expect(available).toBe(false);
    expect(() => kernelLaunch('kvm-svm@mine', { kernelImage: '/nonexistent' })).toThrow(/check the path$|apt install/);
  });
});

describe('qemuCommand', () => {
  const machine = { image: '/k', initramfs: '/i', commandLine: kernelCommandLine('tty:/dev/x', ['loglevel=7']) };

  it('gives the helper the channel on standard input and output', () => {
    const argv = qemuCommand(machine);
    expect(argv[0]).toBe('qemu-system-x86_64');
    expect(argv[argv.indexOf('-append') + 1]).toMatch(/console=ttyS0 .*loglevel=7 -- --channel=tty:\/dev\/x$/);
    expect(argv).toContain('stdio,id=channel,signal=off');
    expect(argv.join(' ')).toMatch(/-smp 1 .*-kernel \/k -initrd \/i .*-chardev socket,id=console,fd=2/);
  });

  it('keeps the console in a file whose name may have a comma', () => {
    expect(qemuCommand({ ...machine, log: '/a,b' })).toContain('file,id=console,append=on,path=/a,,b');
  });
});

describe('bochsLaunch', () => {
  it('describes both disks, the printer and the console', () => {
    const cylinder = DISK_HEADS * DISK_SECTORS_PER_TRACK * 512;
    const mailbox = { cylinders: 9, heads: 16, sectors: 63 };
    const { argv, transport } = bochsLaunch({ disk: '/d', diskSize: 70 * cylinder, mailbox, log: '/log' });
    expect(argv).toEqual(['bochs', '-q', '-f', 'bochsrc', '-rc', 'commands']);
    expect(transport.files.commands).toBe('c\n');
    expect(transport.files.bochsrc).toContain(
      'ata0-master: type=disk, path=boot, mode=flat, cylinders=70, heads=16, spt=63\n',
    );
    expect(transport.files.bochsrc).toContain(
      'ata0-slave: type=disk, path=mailbox, mode=flat, cylinders=9, heads=16, spt=63\n',
    );
    expect(transport.files.bochsrc).toContain('parport1: enabled=1, file=printer\n');
    expect(transport.links).toEqual({ boot: '/d', console: '/log' });
  });
});

describe('bochsObstacle', () => {
  it('names the part that is missing, and the packages', ({ skip }) => {
    if (!findTool('bochs')) skip('bochs is not installed');
    const folder = mkdtempSync(join(tmpdir(), 'msrdiff-test-'));
    try {
      expect(bochsObstacle('/nonexistent', '/nonexistent')).toBeUndefined();
      expect(bochsObstacle(folder, folder)).toMatch(/BIOS-bochs-latest is missing: apt install bochs bochs-term /);
      mkdirSync(join(folder, 'x86_64-linux-gnu/bochs/plugins'), { recursive: true });
      expect(bochsObstacle('/nonexistent', folder)).toMatch(/lacks its display "term": apt install /);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('initramfs', () => {
  it('lists modules in order with their parameters', () => {
    const modules = ['irqbypass', 'kvm', 'kvm_intel'].map((name) => ({ name, content: Buffer.from(name) }));
    const archive = initramfs(Buffer.from('helper'), modules, { kvm_intel: 'preemption_timer=0', kvm: 'tdp_mmu=0' });
    const list = 'irqbypass.ko\nkvm.ko force_emulation_prefix=1 tdp_mmu=0\nkvm_intel.ko preemption_timer=0\n';
    expect(archive.includes(list)).toBe(true);
    expect(archive.includes('modules/kvm_intel.ko\0')).toBe(true);
  });
});
