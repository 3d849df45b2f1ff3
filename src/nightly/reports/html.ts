/** The night as one HTML page that needs nothing else: no script, no reference, light and dark. */
import type { Change, NightReport } from '../report.ts';
import { CHART_STYLE, chartHtml } from './chart.ts';
import { markupText as text } from './escape.ts';
import { amount, type Curve, dayOf, duration, medianCases, minuteOf, relative, type TrendPoint } from './figures.ts';
import { callsFor, headline } from './headline.ts';

const STYLE = `
:root{color-scheme:light dark;--text:#1a1a1a;--quiet:#555;--line:#ccc;--page:#fff;--bad:#b00020;--good:#00703c}
@media (prefers-color-scheme:dark){
:root{--text:#e8e8e8;--quiet:#aaa;--line:#444;--page:#161616;--bad:#ff8a80;--good:#7bd88f}}
body{margin:2rem auto;max-width:70rem;padding:0 1rem;background:var(--page);color:var(--text);
font:15px/1.5 system-ui,sans-serif}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%}
th,td{text-align:left;vertical-align:top;padding:.25rem .6rem .25rem 0;border-bottom:1px solid var(--line);
overflow-wrap:break-word}
th{color:var(--quiet);font-weight:600}figure{margin:1rem 0}.bad{color:var(--bad)}.good{color:var(--good)}
${CHART_STYLE}`;

/** @param nights the trend, this one last */
export function html(night: NightReport, nights: readonly TrendPoint[], curves: readonly Curve[]): string {
  const title = `msrdiff nightly, ${minuteOf(night.startedAt)} UTC`;
  const calls = callsFor(night);
  return `${[
    '<!DOCTYPE html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width">',
    `<title>${text(title)}</title>`,
    `<style>${STYLE}</style>`,
    '</head>',
    '<body>',
    `<h1>${text(title)}: <span class="${night.exitCode === 0 ? 'good' : 'bad'}">${text(headline(night))}</span></h1>`,
    `<p>${duration(night.seconds)} of ${duration(night.budget)}; exit code ${night.exitCode}; database ${text(night.database)}; msrdiff ${text(night.msrdiff)}</p>`,
    calls.length > 0 ? `<ul>${calls.map((call) => `<li>${text(call)}</li>`).join('\n')}</ul>` : '',
    ...results(night),
    ...comparison(night),
    ...trend(nights),
    ...survival(curves),
    ...steps(night),
    '</body>',
    '</html>',
  ]
    .filter((part) => part !== '')
    .join('\n')}\n`;
}

function table(title: string, header: readonly string[], rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return [];
  const head = header.map((cell) => `<th scope="col">${text(cell)}</th>`).join('');
  const body = rows.map((row) => `<tr>${row.map((cell) => `<td>${text(cell)}</td>`).join('')}</tr>`);
  return [
    `<h2>${text(title)}</h2>`,
    `<div class="wide"><table><thead><tr>${head}</tr></thead><tbody>`,
    ...body,
    '</tbody></table></div>',
  ];
}

function results({ divergences, campaigns, coverage, conformance, rechecks, proofs }: NightReport): string[] {
  return [
    ...table(
      'Divergences',
      ['id', '', 'status', 'kind', 'engine', 'profile', 'broken rule', 'results', 'size', 'cases', 'reliable'],
      divergences.map((one) => [
        ...[one.id, one.change, one.status, one.kind, one.subject, one.profile, one.rules.join(', '), one.message],
        ...[amount(one.size), amount(one.cases), `${Math.round(one.reliability * 100)} %`],
      ]),
    ),
    ...table(
      'Campaigns',
      ['', 'profile', 'engines', 'seed', 'cases', 'accesses', 'time', 'digest'],
      campaigns.map(({ id, profile, engines, seed, cases, accesses, seconds, digest }) => [
        ...[String(id), profile, engines.join(', '), seed, amount(cases), amount(accesses), duration(seconds), digest],
      ]),
    ),
    campaigns.length > 0
      ? `<p>Coverage: ${coverage.features.length} of ${coverage.of} features, ${amount(coverage.pairs)} pairs.</p>`
      : '',
    ...table(
      'Conformance',
      ['recording', 'engine', 'profile', 'cases', 'checks', 'mismatches', 'skipped', 'first mismatch'],
      conformance.map(({ recording, engine, profile, cases, checks, mismatches, skipped, listed }) => [
        ...[recording, engine, profile, amount(cases), amount(checks), amount(mismatches), amount(skipped)],
        listed[0] ? `line ${listed[0].line}: ${listed[0].text}` : '',
      ]),
    ),
    ...table(
      'Run again',
      ['id', 'status before', 'kind', 'engine', 'result', 'runs'],
      rechecks.map(({ id, status, kind, subject, result, runs }) => [id, status, kind, subject, result, String(runs)]),
    ),
    ...table(
      'Proofs',
      ['proof', 'outcome', 'shards', 'certificate', ''],
      proofs.map(({ args, outcome, shards, certificate, message }) => [
        ...[args.join(' '), outcome, shards ? `${shards.done} of ${shards.of}` : '', certificate, message],
      ]),
    ),
  ];
}

function comparison({ comparison }: NightReport): string[] {
  if (!comparison) return [];
  const change = (name: string, { before, now }: Change): string[] => [
    ...[name, amount(before), amount(now), relative(before, now)],
  ];
  const names = (what: string, list: readonly string[]): string =>
    list.length === 0 ? '' : `<p>${what}: ${text(list.join(', '))}</p>`;
  return [
    ...table(
      `Since ${minuteOf(comparison.with)}`,
      ['', 'then', 'now', ''],
      [
        change('cases per second', comparison.casesPerSecond),
        change('accesses per second', comparison.accessesPerSecond),
        change('pairs covered', comparison.pairs),
      ],
    ),
    names('Features lost', comparison.lost),
    names('Features gained', comparison.gained),
    names('Divergences not seen this time', comparison.notSeen),
  ];
}

function trend(nights: readonly TrendPoint[]): string[] {
  const [first, last] = [nights[0], nights.at(-1)];
  if (!first || !last) return [];
  // Of few days, days would be told several times.
  const short = Date.parse(last.startedAt) - Date.parse(first.startedAt) < 5 * 86_400_000;
  const chart = (title: string, y: string, of: (night: TrendPoint) => number): string =>
    chartHtml({
      ...{ title, y, x: 'night', xScale: 'linear', shape: 'line' },
      xLabel: (time) => (short ? minuteOf : dayOf)(new Date(time).toISOString()),
      series: [{ name: title, points: nights.map((night) => [Date.parse(night.startedAt), of(night)]) }],
    });
  return [
    '<h2>Trend</h2>',
    chart('Features covered', 'features', ({ features }) => features),
    chart('Pairs of features covered', 'pairs', ({ pairs }) => pairs),
    chart('Throughput, cases', 'cases/s', ({ casesPerSecond }) => casesPerSecond),
    chart('Throughput, accesses', 'accesses/s', ({ accessesPerSecond }) => accessesPerSecond),
    chart('New and reopened divergences', 'divergences', ({ fresh }) => fresh),
  ];
}

function survival(curves: readonly Curve[]): string[] {
  if (curves.length === 0) return [];
  const series = curves.map(({ id, subject, points }) => ({
    name: `${id.slice(0, 8)} ${subject}`,
    points: points.map(({ cases, share }): [number, number] => [cases, share]),
  }));
  const medians = curves.map((curve) => {
    const median = medianCases(curve);
    return [curve.id, curve.subject, curve.status, median === null ? 'more than seen' : amount(median)];
  });
  return [
    ...table('Cases to first exposure', ['id', 'engine', 'status', 'median'], medians),
    chartHtml({
      ...{ title: 'Campaigns that have not shown it yet', y: 'share', x: 'cases', xScale: 'log', shape: 'step' },
      ...{ yTop: 1, xLabel: amount, series },
    }),
  ];
}

function steps({ steps }: NightReport): string[] {
  return table(
    'Steps',
    ['step', '', 'state', 'time', 'exit code', 'message', 'command'],
    steps.map(({ kind, name, state, seconds, code, message, command }) => [
      ...[kind, name, state, duration(seconds), code === null ? '' : String(code), message],
      ['msrdiff', ...command].join(' '),
    ]),
  );
}
