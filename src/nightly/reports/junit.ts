/** JUnit XML, in the form that CI systems read: one suite per kind of step, one case per step and per divergence. */
import type { NightReport, StepKind, StepReport } from '../report.ts';
import { STEP_KINDS } from '../report.ts';
import { freshDisproofs, freshDivergences, freshMismatches } from '../verdict.ts';
import { markupText, xmlAttribute } from './escape.ts';

interface Case {
  readonly suite: string;
  readonly name: string;
  readonly seconds: number;
  readonly failure?: { readonly type: string; readonly message: string; readonly text: string };
  readonly error?: string;
  readonly skipped?: string;
}

export function junit(night: NightReport): string {
  const cases = [...STEP_KINDS.flatMap((kind) => stepCases(night, kind)), ...divergenceCases(night)];
  const suites = [...new Set(cases.map(({ suite }) => suite))].map((suite) =>
    suiteXml(
      suite,
      cases.filter((one) => one.suite === suite),
      night,
    ),
  );
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="msrdiff nightly" ${counts(cases)} time="${night.seconds}">`,
    ...suites,
    '</testsuites>',
    '',
  ].join('\n');
}

function stepCases(night: NightReport, kind: StepKind): Case[] {
  return night.steps.filter((step) => step.kind === kind).map((step) => stepCase(night, step));
}

function stepCase(night: NightReport, step: StepReport): Case {
  const { kind, name, seconds, state, message } = step;
  const base = { suite: `msrdiff.${kind}`, name, seconds };
  switch (state) {
    case 'crashed':
    case 'hung':
    case 'refused':
    case 'unavailable':
      return { ...base, error: message || state };
    case 'skipped':
    case 'interrupted':
    case 'unfinished':
      return { ...base, skipped: message || state };
    case 'done':
      return base;
    case 'found': {
      const failure = failureOf(night, step);
      if (failure) return { ...base, failure };
      return kind === 'conformance' ? { ...base, skipped: 'known before this night' } : base;
    }
  }
}

/** Divergences are cases of their own, so that a campaign does not fail for the same a second time. */
function failureOf(night: NightReport, { kind, name }: StepReport): Case['failure'] {
  if (kind === 'conformance') {
    const reports = freshMismatches(night).filter(({ recording }) => recording === name);
    if (reports.length === 0) return undefined;
    const lines = reports.flatMap(({ engine, listed }) =>
      listed.map(({ line, text }) => `${engine}: ${name}:${line}: ${text}`),
    );
    const total = reports.reduce((sum, { mismatches }) => sum + mismatches, 0);
    return { type: 'conformance', message: `${total} answers differ from the kernel's`, text: lines.join('\n') };
  }
  if (kind === 'proof') {
    const proof = freshDisproofs(night).find(({ args }) => args.join(' ') === name);
    return proof
      ? { type: 'disproof', message: `disproven: ${name}`, text: `certificate ${proof.certificate}` }
      : undefined;
  }
  return undefined;
}

function divergenceCases(night: NightReport): Case[] {
  const fresh = new Set(freshDivergences(night));
  return night.divergences.map((divergence): Case => {
    const { id, kind, subject, message, change, rules, reproducer } = divergence;
    const base = { suite: 'msrdiff.divergence', name: `${id} ${kind}, ${subject}`, seconds: 0 };
    if (!fresh.has(divergence)) return { ...base, skipped: `known before this night (${divergence.status})` };
    const lines = [message, ...rules.map((rule) => `broken rule: ${rule}`), `reproducer: ${reproducer}`];
    return { ...base, failure: { type: kind, message: `${change}: ${message}`, text: lines.join('\n') } };
  });
}

function suiteXml(name: string, cases: readonly Case[], night: NightReport): string {
  const seconds = cases.reduce((sum, one) => sum + one.seconds, 0);
  const timestamp = xmlAttribute(night.startedAt.slice(0, 19));
  return [
    `  <testsuite name="${xmlAttribute(name)}" ${counts(cases)} time="${seconds.toFixed(3)}" timestamp="${timestamp}">`,
    ...cases.map(caseXml),
    '  </testsuite>',
  ].join('\n');
}

function caseXml({ suite, name, seconds, failure, error, skipped }: Case): string {
  const open = `    <testcase classname="${xmlAttribute(suite)}" name="${xmlAttribute(name)}" time="${seconds.toFixed(3)}"`;
  const inner =
    failure !== undefined
      ? `<failure type="${xmlAttribute(failure.type)}" message="${xmlAttribute(failure.message)}">${markupText(failure.text)}</failure>`
      : error !== undefined
        ? `<error message="${xmlAttribute(error)}"/>`
        : skipped !== undefined
          ? `<skipped message="${xmlAttribute(skipped)}"/>`
          : '';
  return inner === '' ? `${open}/>` : `${open}>${inner}</testcase>`;
}

function counts(cases: readonly Case[]): string {
  const count = (key: 'failure' | 'error' | 'skipped'): number => cases.filter((one) => one[key] !== undefined).length;
  return `tests="${cases.length}" failures="${count('failure')}" errors="${count('error')}" skipped="${count('skipped')}"`;
}
