/** Bochs as an Intel processor with VMX, emulated in software, on which a kernel's own kvm_intel runs. */
import type { MailboxMachine } from '../remote/transport.ts';
import { DISK_HEADS, DISK_SECTORS_PER_TRACK } from './boot-disk.ts';

export const BOCHS = 'bochs';
/** The helper's end of the channel. */
export const BOCHS_CHANNEL = 'bochs';
/** There is none without a display, but this one is content with no terminal. */
export const DISPLAY = 'term';
export const BIOS = 'BIOS-bochs-latest';
export const VGA_BIOS = 'VGABIOS-lgpl-latest';
/** Of the machine. */
export const BOCHS_MEMORY_MIB = 512;

/** Names in the folder where Bochs is started. */
const BOOT_DISK = 'boot';
const MAILBOX = 'mailbox';
const PRINTER = 'printer';
const MESSAGES = 'messages';
const CONSOLE = 'console';
const CONFIGURATION = 'bochsrc';
const COMMANDS = 'commands';

const SECTOR = 512;

export interface BochsMachine {
  /** Path of the disk to boot from, and its size in bytes. */
  readonly disk: string;
  readonly diskSize: number;
  /** Geometry of the mailbox. */
  readonly mailbox: { readonly cylinders: number; readonly heads: number; readonly sectors: number };
  /** File to keep the kernel's console in. */
  readonly log?: string | undefined;
}

function configuration({ diskSize, mailbox }: BochsMachine): string {
  const disk = (path: string, cylinders: number, heads: number, sectors: number) =>
    `type=disk, path=${path}, mode=flat, cylinders=${cylinders}, heads=${heads}, spt=${sectors}`;
  const cylinders = diskSize / SECTOR / DISK_HEADS / DISK_SECTORS_PER_TRACK;
  const lines = [
    `display_library: ${DISPLAY}`,
    `romimage: file=$BXSHARE/${BIOS}, options=fastboot`,
    `vgaromimage: file=$BXSHARE/${VGA_BIOS}`,
    `megs: ${BOCHS_MEMORY_MIB}`,
    // MSRs that Bochs does not know read as 0 in the host kernel. Later models mis-report the TSC.
    'cpu: model=corei7_haswell_4770, count=1, ips=25000000, ignore_bad_msrs=1',
    // The machine's time is the number of instructions executed.
    'clock: sync=none',
    'ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14',
    'ata1: enabled=0',
    `ata0-master: ${disk(BOOT_DISK, cylinders, DISK_HEADS, DISK_SECTORS_PER_TRACK)}`,
    `ata0-slave: ${disk(MAILBOX, mailbox.cylinders, mailbox.heads, mailbox.sectors)}`,
    'boot: disk',
    `parport1: enabled=1, file=${PRINTER}`,
    `com1: enabled=1, mode=file, dev=${CONSOLE}`,
    'speaker: enabled=0',
    `log: ${MESSAGES}`,
    'panic: action=fatal',
    'error: action=ignore',
    'info: action=ignore',
    'debug: action=ignore',
  ];
  return `${lines.join('\n')}\n`;
}

/** argv, environment and folder of a machine. Bochs ends with status 1 whenever the guest powers off. */
export function bochsLaunch(machine: BochsMachine) {
  const transport: MailboxMachine = {
    kind: 'mailbox',
    // Builds with a debugger stop before the first instruction: continue.
    files: { [CONFIGURATION]: configuration(machine), [COMMANDS]: 'c\n' },
    links: { [BOOT_DISK]: machine.disk, ...(machine.log === undefined ? {} : { [CONSOLE]: machine.log }) },
    mailbox: MAILBOX,
    printer: PRINTER,
    messages: MESSAGES,
    console: CONSOLE,
  };
  return {
    argv: [BOCHS, '-q', '-f', CONFIGURATION, '-rc', COMMANDS],
    env: { TERM: 'vt100' },
    transport,
  } as const;
}
