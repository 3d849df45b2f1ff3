/** A divergence as a bug report in Markdown: everything that is known of it, for somebody without the database. */
import type { DivergenceExplanation } from '../fuzz/explain/explain.ts';
import { msrName } from '../model/catalogue.ts';
import { InputError } from '../model/input-error.ts';
import { formatScenario } from '../model/scenario-json.ts';
import { cProgram } from './c-program.ts';
import { expectations } from './expectations.ts';
import { filterTable } from './filter-table.ts';
import { code, fenced, markdownTable, plain } from './markdown-text.ts';
import { engineOptions, quoted } from './shell.ts';
import { type DivergenceFacts, type ExportSubject, titleOf } from './subject.ts';

export function bugReport(subject: ExportSubject): string {
  const { scenario, divergence, explanation } = subject;
  const explained = explanation && 'engines' in explanation ? explanation : undefined;
  const refused = explanation && 'refused' in explanation ? explanation.refused : undefined;
  const sections = [
    `# ${summary(subject, explained)}`,
    facts(subject),
    ...(divergence ? [`## Results\n\n${results(divergence, explained)}`] : []),
    ...(divergence ? [`## Broken rule\n\n${brokenRule(explained, refused)}`] : []),
    ...(explained && explained.freedom.length > 0 ? [`## What else was tried\n\n${tried(explained)}`] : []),
    `## Scenario\n\n${fenced(formatScenario(scenario), 'json')}`,
    ...filters(subject),
    `## How to reproduce\n\n${reproduction(subject)}`,
    ...(divergence?.history?.length ? [`## History\n\n${history(divergence.history)}`] : []),
  ];
  return `${sections.join('\n\n')}\n`;
}

function summary({ source, divergence }: ExportSubject, explained: DivergenceExplanation | undefined): string {
  if (!divergence) return `Scenario ${plain(source)}`;
  const { subject, kind, expected, got, message } = divergence;
  const where = explained ? ` at ${place(explained)}` : '';
  if (message !== '') return `${code(subject)}: ${plain(message)}${where}`;
  if (expected === 'ok') return `${code(subject)} breaks ${code(kind)}${where}`;
  return `${code(subject)} answers ${plain(got)}, expected ${plain(expected)}${where}`;
}

/** `event 1, access 0: RDMSR 0x174 (IA32_SYSENTER_CS)` */
function place({ what }: DivergenceExplanation): string {
  const index = /(?:RD|WR)MSR (0x[0-9a-f]+)$/.exec(what)?.[1];
  const name = index === undefined ? undefined : msrName(Number(index));
  return plain(name === undefined ? what : `${what} (${name})`);
}

function facts({ source, profile, version, divergence }: ExportSubject): string {
  const rows: [string, string][] = [
    ['profile', `${code(profile.id)} (${plain(profile.title)})`],
    ['msrdiff', code(version)],
  ];
  if (!divergence) return markdownTable(['scenario', plain(source)], rows);
  const { id, kind, subject, expected, got, message, status, cases, firstSeen, lastSeen } = divergence;
  const seed = divergence.seed === 'proof' ? 'a proof' : `seed ${plain(divergence.seed)}`;
  rows.unshift(
    ['kind', code(kind)],
    ['engine', code(subject)],
    ['expected', plain(expected)],
    ['got', plain(got)],
    ...(message === '' ? [] : [['message', plain(message)] as [string, string]]),
  );
  rows.push(
    ...(status === undefined ? [] : [['status', code(status)] as [string, string]]),
    ['seen', `in ${cases} cases, from ${code(firstSeen)} to ${code(lastSeen)}`],
    ['first in', `campaign ${divergence.firstCampaign}, ${seed}`],
    ['reproduces', `${Math.round(divergence.reliability * 100)} % of re-runs`],
  );
  return markdownTable(['divergence', code(id)], rows);
}

function results(divergence: DivergenceFacts, explained: DivergenceExplanation | undefined): string {
  const rows = Object.entries(divergence.results).map(([engine, result]) => {
    const account = explained?.engines.find((candidate) => candidate.engine === engine);
    const { rule = '', range, bit, route, note = '' } = account ?? {};
    const where = [
      ...(range === undefined ? [] : [`range ${range}`]),
      ...(bit === undefined ? [] : [`bit ${bit}`]),
      ...(route === undefined ? [] : [route]),
    ].join(', ');
    const why = [where === '' ? rule : `${rule} (${where})`, note].filter((part) => part !== '').join('; ');
    const mark = engine === divergence.subject ? '**' : '';
    return [`${mark}${code(engine)}${mark}`, plain(result), plain(why)];
  });
  const documented = explained?.documented;
  const table = markdownTable(['engine', 'result', 'why'], rows);
  return documented === undefined ? table : `${table}\n\nThe documentation calls for ${plain(documented)}`;
}

function brokenRule(explained: DivergenceExplanation | undefined, refused: string | undefined): string {
  if (!explained) return `Not explained${refused === undefined ? '' : `: ${plain(refused)}`}.`;
  const { rule, subject, kind } = explained;
  if (rule.length === 0) return 'No single named rule explains it.';
  const items = rule.map(
    ({ name, sentence, source }) => `- ${plain(name)}: ${plain(sentence)}. Source: ${plain(source)}`,
  );
  if (kind.startsWith('bitmap:')) return items.join('\n');
  const claim =
    rule.length === 1
      ? `${code(subject)} behaves, here and in every scenario tried around it, as an engine would in which`
      : `${code(subject)} behaves as an engine would in which one of these holds; nothing around tells them apart:`;
  return `${claim}\n\n${items.join('\n')}`;
}

function tried({ freedom }: DivergenceExplanation): string {
  const items = freedom.map(({ field, text }) => `- ${plain(field)}: ${plain(text)}`);
  return `One field at a time, everything else as it is:\n\n${items.join('\n')}`;
}

function filters({ scenario }: ExportSubject): string[] {
  return scenario.events.flatMap((event, number) =>
    event.kind === 'filter' ? [`## Filter of event ${number}\n\n${filterTable(event.filter)}`] : [],
  );
}

function reproduction(subject: ExportSubject): string {
  const { divergence, profile, scenario } = subject;
  const options = divergence ? engineOptions(divergence.engines) : [];
  const replay = ['msrdiff replay scenario.json', ...options, `--profile ${quoted(profile.id)}`].join(' ');
  const parts = [`With the scenario above in \`scenario.json\`:`, fenced(replay, 'sh')];
  if (divergence)
    parts.push('With the database that it is in:', fenced(`msrdiff replay ${quoted(divergence.id)}`, 'sh'));
  try {
    const program = cProgram(scenario, { title: titleOf(subject), expected: expectations(scenario, profile) });
    parts.push('On a kernel, without msrdiff:', fenced(program, 'c'));
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    parts.push(`There is no program for \`/dev/kvm\`: ${plain(error.message)}.`);
  }
  return parts.join('\n\n');
}

function history(entries: NonNullable<DivergenceFacts['history']>): string {
  return entries
    .map(({ at, author, status, note }) => {
      const text = [...(status === null ? [] : [`set to ${code(status)}`]), ...(note === '' ? [] : [plain(note)])];
      return `- ${code(at)}, ${plain(author)}: ${text.join('; ')}`;
    })
    .join('\n');
}
