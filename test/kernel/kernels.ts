/** Which real kernels this machine can run, for tests; says in one line what is left out and why. */
import { availability, kernelLaunch } from '../../src/engines/kernel/machines.ts';

export const KERNELS = ['kvm', 'kvm-svm@6.1', 'kvm-svm@6.12', 'kvm-vmx@6.1'] as const;
export type KernelName = (typeof KERNELS)[number];

const usable = new Map<string, boolean>();

export function available(name: KernelName): boolean {
  let answer = usable.get(name);
  if (answer === undefined) {
    const found = availability(name);
    answer = found.available;
    if (!found.available) process.stderr.write(`skipped: engine ${name}: ${found.missing}\n`);
    usable.set(name, answer);
  }
  return answer;
}

/** The first kernel that is there, fastest first, if any is. */
export function anyKernel(): KernelName | undefined {
  return KERNELS.find(available);
}

/** A command for `sh -c` that runs what is given with the kernel engine's own command after it. */
export function wrapped(command: string, name: KernelName): string {
  const { argv } = kernelLaunch(name);
  return [command, ...argv.map((word) => `'${word.replaceAll("'", "'\\''")}'`)].join(' ');
}
