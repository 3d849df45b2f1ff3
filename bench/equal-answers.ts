/** Speed counts among rivals that answer alike. */
import type { CRival } from './c-rival.ts';
import type { JsRival } from './js-rivals.ts';
import type { Workload } from './workload.ts';

/** Throws unless all allow and deny the same accesses. The rivals in C have loaded the workloads. */
export async function checkEqualAnswers(
  workloads: readonly Workload[],
  [first, ...others]: readonly CRival[],
  inJs: readonly JsRival[],
): Promise<void> {
  const expected = await first!.answers();
  const check = (name: string, answers: Uint8Array, from: number): void => {
    const at = answers.findIndex((answer, i) => answer !== expected[from + i]);
    if (at < 0) return;
    const [answer, other] = [answers[at], expected[from + at]];
    throw new Error(`${name} answers ${answer} to access ${from + at}, ${first!.name} answers ${other}`);
  };
  for (const rival of others) check(rival.name, await rival.answers(), 0);
  for (const rival of inJs) {
    let from = 0;
    for (const { filter, batches } of workloads) {
      rival.install(filter);
      for (const batch of batches) {
        const verdicts = new Uint8Array(batch.indices.length);
        rival.judge(batch, verdicts);
        check(
          rival.name,
          verdicts.map((verdict) => Number(rival.allowed(verdict))),
          from,
        );
        from += verdicts.length;
      }
    }
  }
}
