/** QEMU as an AMD processor with SVM, emulated in software (TCG), on which a kernel's own kvm_amd runs. */

export const QEMU = 'qemu-system-x86_64';
/** The helper's end of the channel. */
export const QEMU_CHANNEL = 'tty:/dev/vport0p1';

/** What the CPU model has and TCG does not (before QEMU 8): asked for, each is a warning on standard error. */
const NOT_IN_TCG = [
  'rdseed',
  'sha-ni',
  'rdpid',
  'fxsr-opt',
  'misalignsse',
  '3dnowprefetch',
  'osvw',
  'topoext',
  'perfctr-core',
  'clzero',
  'xsaveerptr',
  'wbnoinvd',
  'ibpb',
  'amd-stibp',
  'nrip-save',
  'xsavec',
  'xsaves',
];

export interface QemuMachine {
  /** bzImage, or uncompressed with a PVH entry point. */
  readonly image: string;
  readonly initramfs: string;
  readonly commandLine: string;
  /** File to append the kernel's console to, instead of standard error. */
  readonly log?: string | undefined;
}

/**
 * argv of a machine whose helper speaks on standard input and output. One CPU: several with multi-threaded TCG may
 * hang. QEMU ends when the guest powers off, which the helper does at the end of its input, and when the kernel panics.
 */
export function qemuCommand({ image, initramfs, commandLine, log }: QemuMachine): string[] {
  // Node makes a child's standard error a socket, which cannot be opened by a path.
  const console = log === undefined ? 'socket,id=console,fd=2' : `file,id=console,append=on,path=${escapeComma(log)}`;
  return [
    QEMU,
    ['-accel', 'tcg'],
    ['-machine', 'q35'],
    ['-cpu', `EPYC-Rome,+svm,${NOT_IN_TCG.map((feature) => `-${feature}`).join(',')}`],
    ['-smp', '1'],
    ['-m', '512'],
    ['-nodefaults', '-no-user-config', '-no-reboot'],
    ['-display', 'none'],
    ['-nic', 'none'],
    ['-kernel', image],
    ['-initrd', initramfs],
    ['-append', commandLine],
    ['-chardev', console],
    ['-serial', 'chardev:console'],
    ['-chardev', 'stdio,id=channel,signal=off'],
    ['-device', 'virtio-serial-pci'],
    ['-device', 'virtserialport,chardev=channel,name=msrdiff'],
  ].flat();
}

/** In QEMU's option syntax a comma in a value is doubled. */
function escapeComma(value: string): string {
  return value.replaceAll(',', ',,');
}
