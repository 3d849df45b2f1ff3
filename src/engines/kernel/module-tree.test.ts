import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { makeModule } from './elf.fixture.ts';
import { modulesToLoad } from './module-tree.ts';

const folders: string[] = [];

function tree(files: Readonly<Record<string, string | Uint8Array>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'msrdiff-test-'));
  folders.push(folder);
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  return folder;
}

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

const KVM = {
  'lib/modules/6.1/kernel/arch/x86/kvm/kvm.ko': makeModule('irqbypass'),
  'lib/modules/6.1/kernel/arch/x86/kvm/kvm-amd.ko': makeModule('kvm,ccp'),
  'lib/modules/6.1/kernel/drivers/crypto/ccp.ko.gz': gzipSync(makeModule('')),
  'lib/modules/6.1/kernel/virt/lib/irqbypass.ko': makeModule(''),
};

describe('modulesToLoad', () => {
  const names = (folder: string, roots: string[]) => modulesToLoad(folder, roots).map(({ name }) => name);

  it('loads what a module needs before it, once', () => {
    expect(names(tree(KVM), ['kvm_amd', 'kvm'])).toEqual(['irqbypass', 'kvm', 'ccp', 'kvm_amd']);
  });

  it('uncompresses', () => {
    const [ccp] = modulesToLoad(tree(KVM), ['ccp']);
    expect(ccp?.content.equals(makeModule(''))).toBe(true);
  });

  it('takes a module that is not there for built in', () => {
    expect(names(tree(KVM), ['virtio_pci', 'irqbypass'])).toEqual(['irqbypass']);
    const { 'lib/modules/6.1/kernel/virt/lib/irqbypass.ko': _, ...rest } = KVM;
    const folder = tree({ ...rest, 'lib/modules/6.1/modules.builtin': 'kernel/virt/lib/irqbypass.ko\n' });
    expect(names(folder, ['kvm'])).toEqual(['kvm']);
  });

  it('says in one line what is wrong with a folder', () => {
    const { 'lib/modules/6.1/kernel/virt/lib/irqbypass.ko': _, ...rest } = KVM;
    expect(() => names(tree(rest), ['kvm'])).toThrow(
      /^module irqbypass, which kvm needs, is not below .*modules_install/,
    );
    const mixed = tree({
      ...KVM,
      'kvm.ko': makeModule('', '6.12.0 SMP'),
      'lib/modules/6.1/kernel/arch/x86/kvm/kvm.ko': '',
    });
    expect(() => names(mixed, ['irqbypass', 'kvm'])).toThrow(/no kernel module|different kernels/);
    expect(() => names(tree({ 'kvm.ko': 'no module' }), ['kvm'])).toThrow(/kvm\.ko is no kernel module/);
    expect(() => names('/nonexistent', ['kvm'])).toThrow(/cannot be read \(ENOENT\): check the path$/);
  });
});
