/** Engines in a worker thread that fail once. */
import { existsSync } from 'node:fs';
import type { Row } from '../../../src/store/driver.ts';
import type { FaultKind } from '../kind.ts';
import { Missed, type Trial } from '../trial.ts';
import { killTwice } from './signals.ts';

/** Decisions of a thread in which the fault may strike: fewer than any thread makes. */
const DECISIONS = 4000;
/** A worker's heap, in MiB, for engines that fill it. */
const HEAP_MB = 192;
const SYSENTER_CS = '0x174';

const ofTwoBugs = ({ kind, subject, reliability }: Row): boolean =>
  subject === 'two-bugs' && (kind === 'engine-error' || kind === 'engine-timeout') && Number(reliability) < 1;

function once(fault: string, { env = {}, always = [] as string[] } = {}): FaultKind['inject'] {
  return async (trial: Trial) => {
    await trial.prepare({ always: [...trial.campaign.options.always, ...always] });
    trial.allowance = ofTwoBugs;
    trial.env = { ...env, ...strike(trial, fault) };
    await trial.ended(trial.fuzz(), { codes: [1] });
    if (!existsSync(trial.file('struck'))) throw new Missed();
  };
}

function strike(trial: Trial, fault: string): Record<string, string> {
  return {
    MSRDIFF_FAULT: fault,
    MSRDIFF_FAULT_AT: String(1 + trial.below(DECISIONS)),
    MSRDIFF_FAULT_ONCE: trial.file('struck'),
  };
}

/** What an engine does whenever it is asked about one MSR is part of the campaign, which is killed. */
function always(fault: string): FaultKind['inject'] {
  return async (trial: Trial) => {
    trial.env = { MSRDIFF_FAULT: fault, MSRDIFF_FAULT_ON: SYSENTER_CS };
    await killTwice(trial);
  };
}

/** The whole process goes with it: that run cannot say anything. */
async function crash(trial: Trial): Promise<void> {
  await trial.prepare();
  trial.env = strike(trial, 'crash');
  await trial.ended(trial.fuzz(), { codes: [], signals: ['SIGSEGV'] });
}

const INCIDENT = 'the incident, as a finding that was not met again';

export const MODULES: readonly FaultKind[] = [
  { id: 'kill-thread', fault: 'an engine module ends its worker thread', shows: INCIDENT, inject: once('exit') },
  {
    id: 'thread-memory',
    fault: `a worker thread runs out of memory (heap of ${HEAP_MB} MiB)`,
    shows: INCIDENT,
    inject: once('memory', { env: { NODE_OPTIONS: `--max-old-space-size=${HEAP_MB}` } }),
  },
  {
    id: 'thread-hang',
    fault: 'an engine module does not return',
    shows: INCIDENT,
    inject: once('hang', { always: ['--timeout', '2'] }),
  },
  {
    id: 'thread-reject',
    fault: 'a promise of an engine module is rejected and nobody handles it',
    shows: INCIDENT,
    inject: once('reject'),
  },
  {
    id: 'thread-timer',
    fault: 'an engine module throws from a timer, between shards or in one',
    shows: INCIDENT,
    inject: once('timer'),
  },
  {
    id: 'module-throw',
    fault: 'an engine module throws at one MSR, and `msrdiff fuzz` is killed (-9)',
    shows: 'the finding',
    inject: always('throw'),
  },
  {
    id: 'module-garbage',
    fault: 'an engine module answers garbage at one MSR, and `msrdiff fuzz` is killed (-9)',
    shows: 'the finding',
    inject: always('garbage'),
  },
  { id: 'module-crash', fault: 'an engine module takes the whole process down', shows: 'SIGSEGV', inject: crash },
];
