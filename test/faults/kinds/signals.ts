/** Signals to the campaign's own process. */
import type { FaultKind } from '../kind.ts';
import { Missed, type Trial } from '../trial.ts';

/** Now and then the resumed run is killed as well. */
export async function killTwice(trial: Trial): Promise<void> {
  await trial.prepare();
  const times = trial.between(1, 2);
  for (let n = 0; n < times; n++) {
    const run = trial.fuzz(n > 0);
    await trial.moment(run);
    if (!run.signal('SIGKILL')) throw new Missed();
    await run.end;
  }
}

/** Ctrl-C goes to the whole group; before the campaign begins, a signal ends it as it ends any process. */
function interrupt(signal: 'SIGINT' | 'SIGTERM', twice: boolean): (trial: Trial) => Promise<void> {
  return async (trial) => {
    await trial.prepare();
    const run = trial.fuzz();
    await trial.moment(run);
    if (!run.signalGroup(signal)) throw new Missed();
    if (twice && (await run.lives(trial.below(150)))) run.signalGroup(signal);
    const end = await trial.ended(run, { codes: [0, 1, 130], signals: [signal] });
    // It had just finished.
    if (end.code === 0 || end.code === 1) throw new Missed();
  };
}

export const SIGNALS: readonly FaultKind[] = [
  {
    id: 'kill-campaign',
    fault: 'kill -9 of `msrdiff fuzz`, and now and then of the run that resumes it',
    shows: 'nothing',
    inject: killTwice,
  },
  { id: 'ctrl-c', fault: 'Ctrl-C', shows: 'exit code 130', inject: interrupt('SIGINT', false) },
  { id: 'ctrl-c-twice', fault: 'Ctrl-C twice', shows: 'exit code 130', inject: interrupt('SIGINT', true) },
  { id: 'sigterm', fault: 'SIGTERM', shows: 'exit code 130', inject: interrupt('SIGTERM', false) },
];
