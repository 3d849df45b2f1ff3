/** One scenario through a list of engines: what diverges, reduced, and why. */

import { interruptible } from '../engines/interruptible.ts';
import { type EngineSpec, labelOf } from '../engines/registry.ts';
import { type AnsweredProbe, answerProbe } from '../fuzz/answer-probe.ts';
import type { DivergenceExplanation } from '../fuzz/explain/explain.ts';
import { divergenceId } from '../fuzz/findings.ts';
import { SHIPPED_LEDGER } from '../fuzz/ledger.ts';
import { probe, probeTimeout } from '../fuzz/probe.ts';
import type { ProbeFinding, ProbeRequest } from '../fuzz/worker-protocol.ts';
import { type Divergence, divergenceOf } from './divergence.ts';
import type { EngineList } from './engine-list.ts';

/** What is asked, besides the engines. */
export interface Question {
  /** JSON. */
  readonly scenario: string;
  /** Id. */
  readonly profile: string;
  /** Whether what the shipped ledger knows is left out. */
  readonly ledger: boolean;
  /** How long the engines may take, in milliseconds. */
  readonly timeoutMs: number;
}

type Answer = AnsweredProbe | { readonly kind: 'lost'; readonly message: string };

/** The divergences of a scenario, each reduced to its normal form. Throws EngineUnavailable. */
export async function reduced(list: EngineList, question: Question): Promise<Divergence[]> {
  const reply = await ask(list, question, { action: 'minimize' });
  if (reply.kind === 'lost') {
    const lost = await lostEngine(list, question, reply.message);
    if (lost) return [lost];
    // It was the reduction that took too long: unreduced is better than nothing.
    return describedAll(list, question, await ask(list, question, { action: 'replay' }));
  }
  return describedAll(list, question, reply);
}

async function describedAll(list: EngineList, question: Question, reply: Answer): Promise<Divergence[]> {
  if (reply.kind !== 'done') return [];
  const divergences: Divergence[] = [];
  for (const finding of reply.findings) {
    if (finding.known === null) divergences.push(await described(list, question, finding));
  }
  return divergences;
}

/** Why; undefined if it does not diverge, or an engine did not come back. Throws EngineUnavailable. */
export async function explained(
  list: EngineList,
  question: Question,
  target: { readonly kind: string; readonly subject: string },
): Promise<DivergenceExplanation | undefined> {
  const reply = await ask(list, question, { action: 'explain', target });
  return reply.kind === 'explained' ? (reply.explanation ?? undefined) : undefined;
}

async function described(list: EngineList, question: Question, finding: ProbeFinding): Promise<Divergence> {
  const { kind, subject, vector, message, normalForm: scenario = question.scenario, reliability = 0 } = finding;
  const { profile } = question;
  const explanation = await explained(list, { ...question, scenario }, { kind, subject });
  const rules = explanation?.rule.map(({ name }) => name) ?? [];
  const id = finding.id ?? divergenceId(kind, subject, profile, scenario);
  const place = { msr: finding.msr ?? null, write: finding.written ?? null };
  return divergenceOf({ id, kind, subject, profile, scenario, vector, message, rules, reliability, ...place });
}

async function ask(
  list: EngineList,
  { scenario, profile, ledger, timeoutMs }: Question,
  action: Pick<ProbeRequest, 'action' | 'target'>,
): Promise<Answer> {
  const day = new Date().toISOString().slice(0, 10);
  const request: ProbeRequest = {
    ...{ scenario, profile, day, ...action, ledger: ledger ? SHIPPED_LEDGER : [] },
    engines: list.kind === 'threads' ? list.specs : [],
  };
  if (list.kind === 'threads') return probe(request, probeTimeout(request, timeoutMs));
  const answer = interruptible(() => answerProbe(request, list.engines), timeoutMs);
  return answer === 'lost' ? { kind: 'lost', message: `no answer within ${timeoutMs / 1000} s` } : answer.value;
}

/** Which of the engines it was: each is run alone. undefined: they all come back. */
async function lostEngine(list: EngineList, question: Question, message: string): Promise<Divergence | undefined> {
  const kind = message.startsWith('no answer within') ? 'engine-timeout' : 'engine-error';
  const all: readonly EngineList[] =
    list.kind === 'threads'
      ? list.specs.map((spec) => ({ kind: 'threads', specs: [spec] }))
      : list.engines.map((engine) => ({ kind: 'here', engines: [engine] }));
  let subject: string | undefined;
  for (const [number, alone] of all.entries()) {
    const reply = await ask(alone, question, { action: 'replay' });
    if (reply.kind === 'lost') {
      subject = list.kind === 'here' ? list.engines[number]!.name : labelOf(list.specs[number] as EngineSpec);
      break;
    }
  }
  if (subject === undefined) return undefined;
  const { profile, scenario } = question;
  const id = divergenceId(kind, subject, profile, message);
  const place = { msr: null, write: null, rules: [], reliability: 1 };
  return divergenceOf({ id, kind, subject, profile, scenario, vector: { [subject]: 1 }, message, ...place });
}
