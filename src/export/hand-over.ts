/** Hands a scenario or a stored divergence over to somebody who has neither the database nor, mostly, msrdiff. */
import { encodeFilter } from '../model/filter-binary.ts';
import { InputError } from '../model/input-error.ts';
import { bugReport } from './bug-report.ts';
import { cProgram } from './c-program.ts';
import { expectations } from './expectations.ts';
import { filterToHandOver } from './filter-file.ts';
import { kselftest } from './kselftest.ts';
import { type ExportSubject, titleOf } from './subject.ts';
import { vitestFile } from './vitest-file.ts';

/** Names of formats, and what each is, in one line. */
export const EXPORT_FORMATS = {
  json: 'the scenario',
  binary: 'the filter in force, as struct kvm_msr_filter',
  vitest: 'a test that fails while the engine has the bug',
  c: 'a program for /dev/kvm',
  kselftest: "a test for the kernel's tree",
  markdown: 'a bug report with everything that is known',
} as const;
export type ExportFormat = keyof typeof EXPORT_FORMATS;

export interface HandedOver {
  /** Text, or the bytes of a binary format. */
  readonly bytes: string | Uint8Array;
  /** A name for the file: letters, digits, `-`, `_` and `.`. */
  readonly fileName: string;
}

export interface HandOverOptions {
  /** For `binary`: number of the event whose filter it is; default: the one in force where it diverges. */
  readonly event?: number | undefined;
}

export function isExportFormat(text: string): text is ExportFormat {
  return Object.hasOwn(EXPORT_FORMATS, text);
}

/** Throws InputError, in one line, where the scenario has no such form. */
export function handOver(format: ExportFormat, subject: ExportSubject, { event }: HandOverOptions = {}): HandedOver {
  if (event !== undefined && format !== 'binary') {
    throw new InputError('an event is chosen for --format binary alone: leave --event out');
  }
  const stem = subject.divergence ? `divergence-${subject.divergence.id.replace(/[^0-9a-f]/g, '')}` : 'scenario';
  const { scenario, profile } = subject;
  switch (format) {
    case 'json':
      return { bytes: `${subject.text.trimEnd()}\n`, fileName: `${stem}.json` };
    case 'binary':
      return { bytes: encodeFilter(filterToHandOver(subject, event).filter), fileName: `${stem}.msr-filter.bin` };
    case 'vitest': {
      const fileName = `${stem}.test.mjs`;
      return { bytes: vitestFile(subject, fileName), fileName };
    }
    case 'c': {
      const program = cProgram(scenario, { title: titleOf(subject), expected: expectations(scenario, profile) });
      return { bytes: program, fileName: `${stem}.c` };
    }
    case 'kselftest': {
      // As the kernel names its tests.
      const name = `msr_filter_${stem.replace('divergence-', '').slice(0, 12)}_test`;
      const expected = expectations(scenario, profile);
      return { bytes: kselftest(scenario, { title: titleOf(subject), name, expected }), fileName: `${name}.c` };
    }
    case 'markdown':
      return { bytes: bugReport(subject), fileName: `${stem}.md` };
  }
}
