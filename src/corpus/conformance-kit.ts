/**
 * What every engine must do whatever it decides, and the kernel's own tests. A law that does not apply to an engine
 * (it cannot run the event) holds.
 */
import type { Engine } from '../engines/contract.ts';
import { KIT_LAWS } from './conformance-laws.ts';
import { runSelftest } from './selftest.ts';

/** One law and whether the engine keeps it. */
export interface LawResult {
  readonly law: string;
  readonly ok: boolean;
  /** What is wrong, if anything. */
  readonly detail: string;
}

export interface KitReport {
  readonly engine: string;
  readonly ok: boolean;
  readonly laws: readonly LawResult[];
}

/** Runs the kit. Never throws: an engine that throws breaks the law that was being tried. */
export function runConformanceKit(engine: Engine): KitReport {
  const laws = [{ law: 'passes the kernel selftest', check: (of: Engine) => runSelftest(of)[0] }, ...KIT_LAWS].map(
    ({ law, check }): LawResult => {
      try {
        const detail = check(engine) ?? '';
        return { law, ok: detail === '', detail };
      } catch (error) {
        return { law, ok: false, detail: `threw ${error instanceof Error ? error.message : String(error)}` };
      }
    },
  );
  return { engine: engine.name, ok: laws.every(({ ok }) => ok), laws };
}
