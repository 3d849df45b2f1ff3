/** Recordings of real kernels against engines, a process for each recording. */
import type { ConformReport } from '../../corpus/conform.ts';
import { resultName } from '../../model/result-name.ts';
import type { Budget } from '../budget.ts';
import type { NightConformance, StepReport } from '../report.ts';
import { recordingsOf } from './recordings.ts';
import { engineOptions, mayStart, runStep, type StepContext, skipped } from './step.ts';

export async function conform(
  context: StepContext,
  budget: Budget,
): Promise<{ steps: StepReport[]; conformance: NightConformance[] }> {
  const { conformance: config, folder, grace } = context.settings;
  const steps: StepReport[] = [];
  const conformance: NightConformance[] = [];
  if (!config) return { steps, conformance };
  const profile = config.profile === undefined ? [] : ['--profile', config.profile];
  for (const recording of recordingsOf(config.recordings, folder)) {
    const command = ['conform', recording, ...engineOptions(config, '--engine'), ...profile];
    if (!mayStart(context, budget)) {
      steps.push(skipped(context, 'conformance', recording, command));
      continue;
    }
    const { report, json } = await runStep(context, 'conformance', recording, command, budget.left() + grace);
    steps.push(report);
    const reports = (json as { reports?: ConformReport[] } | null)?.reports ?? [];
    conformance.push(...reports.map(conformanceOf));
  }
  return { steps, conformance };
}

function conformanceOf(report: ConformReport): NightConformance {
  const { path: recording, engine, profile, cases, checks, mismatches, skipped } = report;
  const listed = report.listed.map((mismatch) => {
    const { line, event, access, index, type, expected, got, message } = mismatch;
    const kind = access < 0 ? 'errno' : 'verdict';
    const what = index === undefined ? '' : ` ${type === 1 ? 'WRMSR' : 'RDMSR'} 0x${index.toString(16)}`;
    const answer = message ?? `kernel ${resultName(kind, expected)}, ${engine} ${resultName(kind, got)}`;
    return { line, text: `event ${event}${what}: ${answer}` };
  });
  return { recording, engine, profile, cases, checks, mismatches, skipped, known: false, listed };
}
