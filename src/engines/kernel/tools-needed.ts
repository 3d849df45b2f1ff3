/** The programs of the system that kernels as engines need, and what for. */
import { BOCHS } from './bochs.ts';
import { QEMU } from './qemu.ts';
import { findTool, installCommand } from './tool.ts';

const PURPOSES: readonly (readonly [name: string, purpose: string])[] = [
  ['cc', 'the helper'],
  [QEMU, 'kvm-svm@VERSION'],
  [BOCHS, 'kvm-vmx@VERSION'],
  ['mkfifo', 'kvm-vmx@VERSION'],
  ['zstd', 'kvm-vmx@VERSION of kernels from 6.12 on; a faster start of kvm-svm'],
  ['lz4', 'kvm-vmx@VERSION of older kernels; a faster start of kvm-svm'],
  ['objcopy', 'a faster start'],
  ['apt-get', 'kernel fetch'],
  ['dpkg-deb', 'kernel fetch'],
  ['xz', 'kernel fetch'],
];

export interface NeededTool {
  readonly name: string;
  readonly purpose: string;
  readonly installed: boolean;
  /** The command that installs it on Debian. */
  readonly install: string;
}

export function neededTools(): NeededTool[] {
  return PURPOSES.map(([name, purpose]) => ({
    name,
    purpose,
    installed: findTool(name === 'cc' ? process.env.CC || name : name) !== undefined,
    install: installCommand(name),
  }));
}
