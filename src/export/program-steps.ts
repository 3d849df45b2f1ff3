/** A scenario as what a program on /dev/kvm does, step by step, with what is to come out. */
import { KVM_CAP_X86_USER_SPACE_MSR } from '../model/filter.ts';
import { InputError } from '../model/input-error.ts';
import { type AccessEvent, ApicMode, type FilterEvent, type Scenario } from '../model/scenario.ts';
import { AccessType } from '../model/verdict.ts';
import type { Expectations } from './expectations.ts';

export type ProgramStep =
  | {
      readonly kind: 'cap';
      readonly cap: number;
      readonly flags: number;
      readonly mask: bigint;
      readonly code: number | undefined;
    }
  | {
      readonly kind: 'filter';
      /** Number of the event: names the filter. */
      readonly event: number;
      readonly flags: number;
      readonly ranges: readonly ProgramRange[];
      readonly code: number | undefined;
    }
  | { readonly kind: 'apic'; readonly mode: ApicMode }
  | ProgramAccess
  | { readonly kind: 'reply'; readonly error: number; readonly data: bigint; readonly code: number | undefined };

export interface ProgramRange {
  readonly flags: number;
  readonly nmsrs: number;
  readonly base: number;
  /** Null: a pointer to unmapped memory. */
  readonly bitmap: Uint8Array | null;
  /** The memory is to end after these bytes, before what the kernel reads does. */
  readonly cutOff: boolean;
}

export interface ProgramAccess {
  readonly kind: 'access';
  /** By the forced emulation prefix. */
  readonly forced: boolean;
  readonly write: boolean;
  readonly index: number;
  readonly value: bigint;
  /** `Verdict`, or PERMITTED. */
  readonly verdict: number;
}

/** Throws InputError if the scenario has an event that a program in user space cannot make happen. */
export function programSteps(scenario: Scenario, { verdicts, codes }: Expectations): ProgramStep[] {
  let access = 0;
  return scenario.events.flatMap((event, number): ProgramStep[] => {
    const code = codes[number];
    switch (event.kind) {
      case 'cap': {
        const { cap = KVM_CAP_X86_USER_SPACE_MSR, flags = 0 } = event;
        return [{ kind: 'cap', cap, flags, mask: BigInt.asUintN(64, event.mask), code }];
      }
      case 'filter':
        return [filterStep(event, number, code)];
      case 'apic':
        return [{ kind: 'apic', mode: event.mode }];
      case 'access': {
        const first = access;
        access += event.batch.indices.length;
        return accessSteps(event, number, verdicts.slice(first, access));
      }
      case 'reply':
        return [{ kind: 'reply', error: event.error, data: BigInt.asUintN(64, event.data), code }];
      default:
        throw new InputError(`event ${number}: ${event.kind} is nothing that a program can do: leave it out`);
    }
  });
}

/** Whether the steps need a local APIC. */
export function needsApic(steps: readonly ProgramStep[]): boolean {
  return steps.some((step) => step.kind === 'apic' && step.mode !== ApicMode.NONE);
}

function filterStep(event: FilterEvent, number: number, code: number | undefined): ProgramStep {
  const { filter, delivery = 'normal' } = event;
  if (delivery === 'compat' || delivery === 'short') {
    throw new InputError(`event ${number}: delivery ${delivery} is not for a C program: set "normal"`);
  }
  const ranges = filter.ranges.map((range): ProgramRange => {
    const { bitmap } = range;
    if (bitmap === null) return { ...range, bitmap, cutOff: false };
    const cutOff = bitmap.length < Math.ceil(range.nmsrs / 64) * 8;
    if (cutOff) return { ...range, bitmap, cutOff };
    // Whole words of 8 bytes, as the kernel reads them; no array is empty.
    const bytes = new Uint8Array(Math.max(8, Math.ceil(bitmap.length / 8) * 8));
    bytes.set(bitmap);
    return { ...range, bitmap: bytes, cutOff };
  });
  return { kind: 'filter', event: number, flags: filter.flags, ranges, code };
}

function accessSteps({ batch }: AccessEvent, number: number, verdicts: readonly number[]): ProgramAccess[] {
  const { indices, types, values, form = 'native' } = batch;
  if (form !== 'native' && form !== 'emulator') {
    throw new InputError(`event ${number}: accesses of form ${form} are not for a C program: use native or emulator`);
  }
  return Array.from(indices, (index, i) => ({
    kind: 'access',
    forced: form === 'emulator',
    write: types[i] === AccessType.WRITE,
    index,
    value: values?.[i] ?? 0n,
    verdict: verdicts[i]!,
  }));
}

/** Bytes as lines of a C array. */
export function byteLines(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const line = Array.from(bytes.subarray(at, at + 16), (byte) => `0x${byte.toString(16).padStart(2, '0')},`);
    lines.push(`\t${line.join(' ')}`);
  }
  return lines.join('\n');
}

/** Text for a C comment: one line, and nothing that ends the comment or starts another. */
export function commentText(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ').replace(/\*(?=\/)|\/(?=\*)/g, '$& ');
}

/** The template with `@NAME@` replaced by what the name stands for, as it is. */
export function filledIn(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(/@([A-Z]+)@/g, (whole, name: string) => values[name] ?? whole);
}
