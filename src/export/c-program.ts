/** A scenario as a C program that runs it on /dev/kvm and says what came out: needs no part of msrdiff. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { helperSources } from '../engines/kernel/build-native.ts';
import { InputError } from '../model/input-error.ts';
import { type AccessEvent, ApicMode, type FilterEvent, type Scenario } from '../model/scenario.ts';
import { AccessType } from '../model/verdict.ts';

export interface CProgramOptions {
  /** Comment at the top: what this reproduces. */
  readonly title: string;
  /** Verdicts that the rules ask for, all access events in a row; -1: any. The exit status says whether they held. */
  readonly expected?: readonly number[];
}

/** Names of the template's verdicts, by `Verdict`. */
const VERDICTS = ['ALLOW', 'GP', 'EXIT_FILTER', 'EXIT_UNKNOWN', 'EXIT_INVAL'] as const;

/** Throws InputError if the scenario has an event that user space cannot make happen. */
export function cProgram(scenario: Scenario, { title, expected }: CProgramOptions): string {
  const steps: string[] = [];
  const bitmaps: string[] = [];
  let access = 0;
  for (const [number, event] of scenario.events.entries()) {
    switch (event.kind) {
      case 'cap':
        steps.push(`enable_cap(${event.cap ?? 188}, ${event.flags ?? 0}, ${hex(BigInt.asUintN(64, event.mask))}ull);`);
        break;
      case 'filter':
        steps.push(...filterSteps(event, number, bitmaps));
        break;
      case 'apic':
        steps.push(`set_apic_mode(${['APIC_NONE', 'APIC_XAPIC', 'APIC_X2APIC'][event.mode]});`);
        break;
      case 'access':
        for (const line of accessSteps(event, expected, access)) steps.push(line);
        access += event.batch.indices.length;
        break;
      case 'reply':
        steps.push(`reply(${event.error}, ${hex(BigInt.asUintN(64, event.data))}ull);`);
        break;
      default:
        throw new InputError(`event ${number}: ${event.kind} is nothing that a program can do: leave it out`);
    }
  }
  const irqchip = scenario.events.some((event) => event.kind === 'apic' && event.mode !== ApicMode.NONE);
  const template = readFileSync(join(helperSources(), 'reproducer.c.in'), 'utf8');
  return template
    .replace('@TITLE@', title.replace(/\/\*|\*\//g, ''))
    .replace('@IRQCHIP@', irqchip ? '1' : '0')
    .replace('@BITMAPS@', bitmaps.join('\n'))
    .replace('@STEPS@', steps.map((step) => `\t${step}`).join('\n'));
}

function filterSteps({ filter, delivery = 'normal' }: FilterEvent, number: number, bitmaps: string[]): string[] {
  if (delivery === 'compat' || delivery === 'short') {
    throw new InputError(`event ${number}: delivery ${delivery} is not for a C program: set "normal"`);
  }
  const lines = [`clear_filter(${hex(filter.flags)});`];
  for (const [slot, { flags, nmsrs, base, bitmap }] of filter.ranges.entries()) {
    let pointer = '(void *)16 /* not mapped */';
    if (bitmap) {
      pointer = `bitmap_${number}_${slot}`;
      // Whole words of 8 bytes, as the kernel reads them.
      const bytes = new Uint8Array(Math.max(8, Math.ceil(bitmap.length / 8) * 8));
      bytes.set(bitmap);
      bitmaps.push(`static uint8_t ${pointer}[] = {\n${byteLines(bytes)}\n};`);
    }
    lines.push(`set_range(${slot}, ${hex(flags)}, ${nmsrs}, ${hex(base)}, ${pointer});`);
  }
  lines.push('set_filter();');
  return lines;
}

function byteLines(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    lines.push(
      `\t${Array.from(bytes.subarray(at, at + 16), (byte) => `0x${byte.toString(16).padStart(2, '0')},`).join(' ')}`,
    );
  }
  return lines.join('\n');
}

function accessSteps({ batch }: AccessEvent, expected: readonly number[] | undefined, first: number): string[] {
  const { indices, types, values, form = 'native' } = batch;
  if (form !== 'native' && form !== 'emulator') {
    throw new InputError(`accesses of form ${form} are not for a C program: use native or emulator`);
  }
  const forced = form === 'emulator' ? 'FORCED_' : '';
  return Array.from(indices, (index, i) => {
    const operation = types[i] === AccessType.WRITE ? 'WRMSR' : 'RDMSR';
    const verdict = expected?.[first + i];
    const expectation = VERDICTS[verdict ?? -1] ?? 'ANY';
    return `access_msr(${forced}${operation}, ${hex(index)}, ${hex(values?.[i] ?? 0n)}ull, ${expectation});`;
  });
}

function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}
