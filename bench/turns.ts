/** Rivals in turn: each runs for a moment, one after the other, so that a change in the machine's load meets them all. */
import { Bench } from 'tinybench';
import { cpuMs } from './statistics.ts';

/** As many passes as begin in so many milliseconds of the processor, and one at least. */
const TURN_MS = 20;

/** A rival that is timed here, or one that answers how many nanoseconds a pass took it elsewhere. */
export type Contender =
  | { readonly name: string; readonly pass: () => void }
  | { readonly name: string; readonly report: () => Promise<number> };

/** The name of each, and nanoseconds per pass: the median of its turn. */
export async function takeTurns(contenders: readonly Contender[]): Promise<[name: string, ns: number][]> {
  const bench = new Bench({ time: TURN_MS, iterations: 1, warmup: false, throws: true, now: cpuMs });
  for (const contender of contenders) {
    if ('pass' in contender) bench.add(contender.name, contender.pass, { async: false });
    else {
      const report = async () => ({ overriddenDuration: (await contender.report()) / 1e6 });
      bench.add(contender.name, report, { async: true });
    }
  }
  await bench.run();
  return bench.tasks.map(({ name, result }) => {
    if (result.state !== 'completed') throw new Error(`${name}: ${result.state}`);
    return [name, result.latency.p50 * 1e6];
  });
}
