/** A scenario as a C program that runs it on /dev/kvm and says what came out: needs no part of msrdiff. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { helperSources } from '../engines/kernel/build-native.ts';
import { hex } from '../model/json-fields.ts';
import type { Scenario } from '../model/scenario.ts';
import { Completion } from '../model/verdict.ts';
import type { Expectations } from './expectations.ts';
import {
  byteLines,
  commentText,
  filledIn,
  needsApic,
  type ProgramAccess,
  type ProgramStep,
  programSteps,
} from './program-steps.ts';

export interface CProgramOptions {
  /** Comment at the top: what this reproduces. */
  readonly title: string;
  /** What the rules ask for. The exit status says whether it held. */
  readonly expected: Expectations;
}

/** Names of the template's verdicts, by `Verdict`. */
const VERDICTS = ['ALLOW', 'GP', 'EXIT_FILTER', 'EXIT_UNKNOWN', 'EXIT_INVAL'] as const;
const COMPLETIONS = {
  [Completion.NO_EXIT_PENDING]: 'NO_EXIT_PENDING',
  [Completion.DONE]: 'DONE',
  [Completion.GP]: 'FAULTED_GP',
} as const;

/** Throws InputError if the scenario has an event that user space cannot make happen. */
export function cProgram(scenario: Scenario, { title, expected }: CProgramOptions): string {
  const steps = programSteps(scenario, expected);
  const bitmaps: string[] = [];
  const lines = steps.flatMap((step) => stepLines(step, bitmaps));
  return filledIn(readFileSync(join(helperSources(), 'reproducer.c.in'), 'utf8'), {
    TITLE: commentText(title),
    IRQCHIP: needsApic(steps) ? '1' : '0',
    BITMAPS: bitmaps.join('\n'),
    STEPS: lines.map((line) => `\t${line}`).join('\n'),
  });
}

function stepLines(step: ProgramStep, bitmaps: string[]): string[] {
  switch (step.kind) {
    case 'cap':
      return [`enable_cap(${step.cap}, ${hex(step.flags)}, ${hex(step.mask)}ull, ${step.code ?? 'ANY_RESULT'});`];
    case 'filter':
      return filterLines(step, bitmaps);
    case 'apic':
      return [`set_apic_mode(${['APIC_NONE', 'APIC_XAPIC', 'APIC_X2APIC'][step.mode]});`];
    case 'access':
      return [accessLine(step)];
    case 'reply': {
      const completion = COMPLETIONS[step.code as Completion] ?? 'ANY_RESULT';
      return [`reply(${step.error}, ${hex(step.data)}ull, ${completion});`];
    }
  }
}

function filterLines({ event, flags, ranges, code }: ProgramStep & { kind: 'filter' }, bitmaps: string[]): string[] {
  const lines = [`clear_filter(${hex(flags)});`];
  for (const [slot, { flags, nmsrs, base, bitmap, cutOff }] of ranges.entries()) {
    let pointer = '(void *)16 /* not mapped */';
    if (bitmap) {
      pointer = `bitmap_${event}_${slot}`;
      if (bitmap.length > 0) bitmaps.push(`static uint8_t ${pointer}[] = {\n${byteLines(bitmap)}\n};`);
      if (cutOff) pointer = `before_hole(${bitmap.length > 0 ? pointer : '""'}, ${bitmap.length})`;
    }
    lines.push(`set_range(${slot}, ${hex(flags)}, ${nmsrs}, ${hex(base)}, ${pointer});`);
  }
  lines.push(`set_filter(${code ?? 'ANY_RESULT'});`);
  return lines;
}

function accessLine({ forced, write, index, value, verdict }: ProgramAccess): string {
  const operation = `${forced ? 'FORCED_' : ''}${write ? 'WRMSR' : 'RDMSR'}`;
  return `access_msr(${operation}, ${hex(index)}, ${hex(value)}ull, ${VERDICTS[verdict] ?? 'PERMITTED'});`;
}
