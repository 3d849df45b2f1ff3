/** Proofs, each with its certificate; one that does not come to an end goes on in the next night. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Budget } from '../budget.ts';
import type { NightProof, StepReport } from '../report.ts';
import { mayStart, runStep, type StepContext, type StepRun, skipped } from './step.ts';

/** In the folder of reports: kept from night to night. */
const CERTIFICATES = 'proofs';

/** What is read of a certificate; those of lemmas have no shards. */
interface Certificate {
  readonly outcome?: string;
  readonly shards?: number;
  readonly done?: readonly unknown[];
  readonly disproof?: { readonly divergence: string | null };
}

export async function prove(
  context: StepContext,
  budget: Budget,
): Promise<{ steps: StepReport[]; proofs: NightProof[] }> {
  const { proofs: configured, reports } = context.settings;
  const steps: StepReport[] = [];
  const proofs: NightProof[] = [];
  if (configured.length > 0) mkdirSync(join(reports, CERTIFICATES), { recursive: true });
  for (const [i, args] of configured.entries()) {
    const name = args.join(' ');
    const certificate = join(CERTIFICATES, certificateName(args));
    const path = join(reports, certificate);
    if (!mayStart(context, budget)) {
      steps.push(skipped(context, 'proof', name, ['prove', ...args, '--certificate', path]));
      continue;
    }
    const seconds = Math.max(1, Math.round(budget.left() / (configured.length - i)));
    const { report } = await proveOne(context, args, path, seconds);
    steps.push(report);
    proofs.push({ args, certificate, known: false, ...resultOf(report, read(path)) });
  }
  return { steps, proofs };
}

/** Goes on with an unfinished proof; where that is refused, as after a change of an engine, it begins again. */
async function proveOne(
  context: StepContext,
  args: readonly string[],
  path: string,
  seconds: number,
): Promise<StepRun> {
  const { database, grace } = context.settings;
  const rest = ['--database', database, '--seconds', String(seconds)];
  const run = (command: readonly string[]): Promise<StepRun> =>
    runStep(context, 'proof', args.join(' '), command, seconds + grace);
  if (read(path)?.outcome === 'unfinished') {
    const resumed = await run(['prove', '--resume', path, ...rest]);
    if (resumed.report.state !== 'refused' || context.children.interrupted) return resumed;
  }
  // A finished one of an earlier night, or one that is no longer about these engines.
  rmSync(path, { force: true });
  return run(['prove', ...args, '--certificate', path, ...rest]);
}

function resultOf(
  { state, message }: StepReport,
  certificate: Certificate | null,
): Pick<NightProof, 'outcome' | 'divergence' | 'shards' | 'message'> {
  const shards =
    certificate?.shards !== undefined && certificate.done !== undefined
      ? { done: certificate.done.length, of: certificate.shards }
      : null;
  const divergence = certificate?.disproof?.divergence ?? null;
  const outcome =
    state === 'done'
      ? 'proven'
      : state === 'found'
        ? 'disproven'
        : state === 'unfinished' || state === 'interrupted'
          ? 'unfinished'
          : 'failed';
  return { outcome, divergence, shards, message };
}

/** The same for the same arguments. */
function certificateName(args: readonly string[]): string {
  const words = args
    .join('-')
    .replace(/[^\w]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 60);
  return `${words}-${createHash('sha256').update(JSON.stringify(args)).digest('hex').slice(0, 8)}.json`;
}

function read(path: string): Certificate | null {
  if (!existsSync(path)) return null;
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Certificate;
  } catch {
    // Not ours, or half of one: `prove` replaces it.
    return null;
  }
}
