/** Options that several commands share, and their values. */
import { resolve } from 'node:path';
import { InvalidArgumentError, Option } from 'commander';
import { GUEST_MODES, type KernelOptions } from '../engines/kernel/machines.ts';
import { readLimitedFile } from '../files/read-limited.ts';
import { InputError } from '../model/input-error.ts';
import { findProfile, KERNEL_PROFILES, type KernelProfile, NEWEST_PROFILE } from '../model/profile.ts';
import { APIC_MODE_NAMES, type ApicMode } from '../model/scenario.ts';
import { checkedUrl } from '../queue/connection.ts';

export const DEFAULT_DATABASE = 'results/msrdiff.db';

/** Digits, with a fraction or an exponent; not the other texts that Number takes: "", " 7", "0x10". */
const DECIMAL = /^(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i;

function decimal(text: string): number {
  return DECIMAL.test(text) ? Number(text) : Number.NaN;
}

export function positiveInteger(text: string): number {
  const value = decimal(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('Give a whole number from 1 on.');
  return value;
}

export function positiveNumber(text: string): number {
  const value = decimal(text);
  if (!(value > 0) || !Number.isFinite(value)) throw new InvalidArgumentError('Give a number greater than 0.');
  return value;
}

export function seedValue(text: string): bigint {
  if (!/^(0x0*[0-9a-fA-F]{1,16}|0*\d{1,20})$/.test(text) || BigInt(text) >= 1n << 64n) {
    throw new InvalidArgumentError('Give a number from 0 to 2^64 - 1, decimal or 0x hexadecimal.');
  }
  return BigInt(text);
}

export function nameList(text: string): string[] {
  const names = text.split(',').map((name) => name.trim());
  if (names.some((name) => name === '')) throw new InvalidArgumentError('Give names separated by commas.');
  return names;
}

export function profileValue(text: string): KernelProfile {
  const profile = findProfile(text);
  if (profile) return profile;
  throw new InvalidArgumentError(`Known are ${KERNEL_PROFILES.map(({ id }) => id).join(', ')} and newest.`);
}

export function exitMask(text: string): number {
  const value = /^(0x[0-7]|[0-7])$/.test(text) ? Number(text) : Number.NaN;
  if (value >= 0) return value;
  throw new InvalidArgumentError('Give a number from 0 to 7: 1 INVAL, 2 UNKNOWN, 4 FILTER.');
}

export function apicMode(text: string): ApicMode {
  const mode = APIC_MODE_NAMES.indexOf(text as (typeof APIC_MODE_NAMES)[number]);
  if (mode >= 0) return mode as ApicMode;
  throw new InvalidArgumentError(`Allowed choices are ${APIC_MODE_NAMES.join(', ')}.`);
}

export function collect(value: string, all: string[] | undefined): string[] {
  return [...(all ?? []), value];
}

export const databaseOption = (): Option =>
  new Option('--database <file>', 'SQLite database of results').default(DEFAULT_DATABASE);
export const enginesOption = (): Option =>
  new Option('--engines <names>', 'engines to compare, separated by commas').argParser(nameList);
export const moduleOption = (): Option =>
  new Option('--engine-module <file>', 'an engine of your own, as an ES module (repeatable)').argParser(collect);
export const commandOption = (): Option =>
  new Option(
    '--engine-command <command>',
    'an engine of your own, as a process: docs/engine-protocol.md (repeatable)',
  ).argParser(collect);
export const profileOption = (): Option =>
  new Option('--profile <name>', 'kernel whose rules apply')
    .argParser(profileValue)
    .default(NEWEST_PROFILE, NEWEST_PROFILE.id);
export const queueOption = (description: string): Option =>
  new Option('--queue <url>', description).env('MSRDIFF_QUEUE').argParser(checkedUrl);
export const jsonOption = (): Option => new Option('--json', 'print JSON for machines');

/** Most bytes of an input file that is read at once. */
const MAX_INPUT_BYTES = 256 << 20;

/** A text file that a user named. */
export function readInput(path: string): string {
  return readLimitedFile(path, MAX_INPUT_BYTES, 'split it').toString('utf8');
}

/** Options of kernel engines, as commander gives them. */
export interface KernelCliOptions {
  readonly kernelImage?: string;
  readonly modules?: string;
  readonly moduleParameters?: string[];
  readonly guestMode?: (typeof GUEST_MODES)[number];
}

export const kernelOptions = (): Option[] => [
  new Option('--kernel-image <file>', 'boot this bzImage instead of a stored kernel (kvm-svm@NAME, kvm-vmx@NAME)'),
  new Option('--modules <folder>', 'its modules, as from make modules_install; without it, all are built in'),
  new Option('--module-parameters <text>', 'such as "kvm_intel preemption_timer=0" (repeatable)').argParser(collect),
  new Option('--guest-mode <mode>', 'CPU mode that guests of kernels run in').choices(GUEST_MODES).default('long'),
];

export function kernelOptionsOf(options: KernelCliOptions): KernelOptions {
  const parameters = (options.moduleParameters ?? []).map((text): [string, string] => {
    const match = /^([\w-]+) +(\S.*)$/.exec(text);
    if (!match) throw new InputError(`--module-parameters ${JSON.stringify(text)}: give "MODULE NAME=VALUE ..."`);
    return [match[1]!.replaceAll('-', '_'), match[2]!];
  });
  return {
    guestMode: options.guestMode ?? 'long',
    ...(options.kernelImage === undefined ? {} : { kernelImage: resolve(options.kernelImage) }),
    ...(options.modules === undefined ? {} : { modules: resolve(options.modules) }),
    ...(parameters.length === 0 ? {} : { moduleParameters: Object.fromEntries(parameters) }),
  };
}
