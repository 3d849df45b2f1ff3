/** What the rules ask of a kernel that runs a scenario, as far as they decide it without knowing the machine. */
import { reference } from '../engines/reference.ts';
import { countAccesses, Runner } from '../engines/runner.ts';
import type { BaseTable } from '../model/base.ts';
import { catalogueBase } from '../model/catalogue.ts';
import { KVM_CAP_X86_USER_SPACE_MSR, KVM_MSR_EXIT_REASON_FILTER } from '../model/filter.ts';
import type { KernelProfile } from '../model/profile.ts';
import type { Scenario } from '../model/scenario.ts';
import { Verdict } from '../model/verdict.ts';

/** The filter lets the access through; what comes out then is the kernel's own. */
export const PERMITTED = -1;

export interface Expectations {
  /** By access, all access events in a row: the `Verdict` of a denied one, or PERMITTED. */
  readonly verdicts: readonly number[];
  /** By event: errno (0 or negative) of an ioctl, `Completion` of a reply; undefined where it is the kernel's own. */
  readonly codes: readonly (number | undefined)[];
}

/** Made once: it is the same for all scenarios, and takes a millisecond. */
let base: BaseTable | undefined;

export function expectations(scenario: Scenario, profile: KernelProfile): Expectations {
  const accesses = countAccesses(scenario);
  base ??= catalogueBase();
  const runner = new Runner(reference, { profile, base });
  const trace = runner.run(scenario, accesses);
  const outcome = Array.from(trace.verdicts.subarray(0, accesses));
  const results = Array.from(trace.codes.subarray(0, scenario.events.length));
  const denied = runner.run(deflected(scenario), accesses).verdicts;
  const verdicts = outcome.map((verdict, i) => (denied[i] === Verdict.EXIT_FILTER ? verdict : PERMITTED));

  let at = 0;
  let lastVerdict: number | undefined;
  const codes = scenario.events.map((event, number): number | undefined => {
    switch (event.kind) {
      case 'access':
        at += event.batch.indices.length;
        if (event.batch.indices.length > 0) lastVerdict = verdicts[at - 1];
        return undefined;
      case 'filter':
        return results[number];
      case 'cap':
        // Of other capabilities the rules know nothing.
        return (event.cap ?? KVM_CAP_X86_USER_SPACE_MSR) === KVM_CAP_X86_USER_SPACE_MSR ? results[number] : undefined;
      case 'reply':
        return lastVerdict === PERMITTED ? undefined : results[number];
      default:
        return undefined;
    }
  });
  return { verdicts, codes };
}

const FILTER_REASON = BigInt(KVM_MSR_EXIT_REASON_FILTER);

/** With FILTER deflected throughout, a denial cannot be taken for another fault. */
function deflected(scenario: Scenario): Scenario {
  const events = scenario.events.map((event) =>
    event.kind === 'cap' ? { ...event, mask: event.mask | FILTER_REASON } : event,
  );
  return { events: [{ kind: 'cap', mask: FILTER_REASON }, ...events] };
}
