/** Clocks that jump: Date by hours, back and forth, while the monotonic clock runs on. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { ROOT } from '../campaign.ts';
import type { FaultKind } from '../kind.ts';
import type { Running } from '../processes.ts';
import type { Trial } from '../trial.ts';

/** Of Debian's package faketime; the directory is named after the architecture. */
const LIBRARIES = ['x86_64-linux-gnu', 'aarch64-linux-gnu'].map(
  (name) => `/usr/lib/${name}/faketime/libfaketimeMT.so.1`,
);
const PRELOAD = join(ROOT, 'test/faults/engines/jumping-clock.mjs');
/** Jumps are as long as a day, at most, in seconds. */
const DAY = 86_400;

/** `write` sets the clock of all processes of the trial, in seconds from now. */
async function jump(trial: Trial, run: Running, write: (offset: number) => void): Promise<void> {
  do {
    const offset = trial.between(-DAY, DAY);
    write(offset);
  } while (await run.lives(trial.between(50, 400)));
}

async function preload(trial: Trial): Promise<void> {
  await trial.prepare();
  const file = trial.file('offset');
  writeFileSync(file, '0');
  trial.env = { NODE_OPTIONS: `--import=${pathToFileURL(PRELOAD).href}`, MSRDIFF_CLOCK: file };
  await jumpAndInterrupt(trial, (offset) => writeFileSync(file, String(offset)));
}

async function faketime(trial: Trial): Promise<void> {
  await trial.prepare();
  const file = trial.file('offset');
  writeFileSync(file, '+0');
  trial.env = {
    LD_PRELOAD: LIBRARIES.find((path) => existsSync(path))!,
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_NO_CACHE: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
  };
  await jumpAndInterrupt(trial, (offset) => writeFileSync(file, offset < 0 ? String(offset) : `+${offset}`));
}

/** The clock jumps in the run, between it and the one that resumes it, and in that one. */
async function jumpAndInterrupt(trial: Trial, write: (offset: number) => void): Promise<void> {
  const run = trial.fuzz();
  const jumping = jump(trial, run, write);
  if (await run.lives(trial.below(Math.round(trial.undisturbed.duration)))) run.signal('SIGINT');
  await jumping;
  await trial.ended(run, { codes: [0, 1, 130], signals: ['SIGINT'] });
  write(trial.between(-DAY, DAY));
  await sleep(1);
}

export const CLOCKS: readonly FaultKind[] = [
  {
    id: 'clock-date',
    fault: 'the clock jumps by up to a day, back and forth, several times a second (in JavaScript), and Ctrl-C',
    shows: 'times stay in order; no engine is taken for one that hangs',
    inject: preload,
  },
  {
    id: 'clock-faketime',
    fault: 'the same in all of the process, SQLite too (libfaketime)',
    shows: 'times stay in order; no engine is taken for one that hangs',
    missing: () => (LIBRARIES.some((path) => existsSync(path)) ? undefined : 'needs the Debian package faketime'),
    inject: faketime,
  },
];
