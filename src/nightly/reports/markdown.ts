/** The night as GitHub-flavoured Markdown: a job's summary, a mail. */

import { plain as text } from '../../export/markdown-text.ts';
import type { Change, NightReport } from '../report.ts';
import { amount, type Curve, duration, medianCases, minuteOf, relative } from './figures.ts';
import { callsFor, headline } from './headline.ts';

/** Rows of a table of divergences, and names in a line; the HTML report has all. */
const MOST_ROWS = 50;
const MOST_NAMES = 20;

export function markdown(night: NightReport, curves: readonly Curve[]): string {
  return [
    `# msrdiff nightly: ${text(headline(night))}`,
    `${minuteOf(night.startedAt)} UTC, ${duration(night.seconds)} of ${duration(night.budget)}, exit code ${night.exitCode}`,
    bullets(callsFor(night).slice(0, MOST_ROWS)),
    ...divergences(night),
    ...campaigns(night),
    ...comparison(night),
    ...conformance(night),
    ...rechecks(night),
    ...proofs(night),
    ...survival(curves),
  ]
    .filter((part) => part !== '')
    .map((part) => `${part}\n`)
    .join('\n');
}

const bullets = (lines: readonly string[]): string => lines.map((line) => `- ${text(line)}`).join('\n');

/** Cells are text of unknown origin. */
function table(title: string, header: readonly string[], rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return [];
  const line = (cells: readonly string[]): string => `| ${cells.map((cell) => text(cell) || ' ').join(' | ')} |`;
  const more = rows.length > MOST_ROWS ? [`${rows.length - MOST_ROWS} more are in report.html.`] : [];
  const body = rows.slice(0, MOST_ROWS).map(line);
  return [`## ${title}`, [line(header), line(header.map(() => '')).replaceAll(' ', '-'), ...body].join('\n'), ...more];
}

function divergences({ divergences }: NightReport): string[] {
  const rows = divergences.map((one) => [
    ...[one.id, one.change, one.status, one.kind, one.subject, one.rules.join(', '), one.message, String(one.cases)],
  ]);
  return table('Divergences', ['id', '', 'status', 'kind', 'engine', 'broken rule', 'results', 'cases'], rows);
}

function campaigns({ campaigns, coverage }: NightReport): string[] {
  const rows = campaigns.map(({ id, profile, seed, engines, cases, accesses, seconds, digest }) => [
    ...[String(id), profile, engines.join(', '), seed, amount(cases), amount(accesses), duration(seconds), digest],
  ]);
  const covered = `${coverage.features.length} of ${coverage.of} features, ${amount(coverage.pairs)} pairs.`;
  return table('Campaigns', ['', 'profile', 'engines', 'seed', 'cases', 'accesses', 'time', 'digest'], rows).concat(
    rows.length > 0 ? [`Coverage: ${covered}`] : [],
  );
}

function comparison({ comparison }: NightReport): string[] {
  if (!comparison) return [];
  const row = (name: string, { before, now }: Change): string[] => [
    name,
    amount(before),
    amount(now),
    relative(before, now),
  ];
  const rows = [
    row('cases per second', comparison.casesPerSecond),
    row('accesses per second', comparison.accessesPerSecond),
    row('pairs covered', comparison.pairs),
  ];
  return [
    ...table(`Since ${minuteOf(comparison.with)}`, ['', 'then', 'now', ''], rows),
    named('Features lost', comparison.lost),
    named('Features gained', comparison.gained),
    named('Divergences not seen this time', comparison.notSeen),
  ];
}

function named(what: string, names: readonly string[]): string {
  if (names.length === 0) return '';
  const more = names.length > MOST_NAMES ? `, and ${names.length - MOST_NAMES} more` : '';
  return `${what}: ${text(names.slice(0, MOST_NAMES).join(', '))}${more}.`;
}

function conformance({ conformance }: NightReport): string[] {
  const rows = conformance.map(({ recording, engine, profile, checks, mismatches, skipped }) => [
    ...[recording, engine, profile, amount(checks), amount(mismatches), amount(skipped)],
  ]);
  return table('Conformance', ['recording', 'engine', 'profile', 'checks', 'mismatches', 'skipped'], rows);
}

function rechecks({ rechecks }: NightReport): string[] {
  const rows = rechecks.map(({ id, status, kind, subject, result, runs }) => [
    ...[id, status, kind, subject, result, String(runs)],
  ]);
  return table('Run again', ['id', 'status before', 'kind', 'engine', 'result', 'runs'], rows);
}

function proofs({ proofs }: NightReport): string[] {
  const rows = proofs.map(({ args, outcome, shards, certificate, message }) => [
    ...[args.join(' '), outcome, shards ? `${shards.done} of ${shards.of}` : '', certificate, message],
  ]);
  return table('Proofs', ['proof', 'outcome', 'shards', 'certificate', ''], rows);
}

function survival(curves: readonly Curve[]): string[] {
  const rows = curves.map((curve) => {
    const median = medianCases(curve);
    return [curve.id, curve.subject, curve.status, median === null ? 'more than seen' : amount(median)];
  });
  return table('Cases to first exposure', ['id', 'engine', 'status', 'median'], rows);
}
