/**
 * Names of engines that are real kernels: `kvm` (this machine's /dev/kvm), `kvm-svm@VERSION` (kvm_amd of that kernel
 * on an emulated AMD processor) and `kvm-vmx@VERSION` (kvm_intel on an emulated Intel processor).
 */

export interface EmulatedKernel {
  readonly route: 'svm' | 'vmx';
  /** That of a stored kernel, or any label of a user's own. */
  readonly version: string;
}

export type KernelEngine = { readonly route: 'native' } | EmulatedKernel;

const NAME = /^kvm-(svm|vmx)@(\w[\w.+-]{0,39})$/;

/** Undefined if the name is not that of a kernel engine. */
export function parseKernelEngine(name: string): KernelEngine | undefined {
  if (name === 'kvm') return { route: 'native' };
  const match = NAME.exec(name);
  return match ? { route: match[1] as 'svm' | 'vmx', version: match[2]! } : undefined;
}
