/** An explanation as lines for a terminal. */
import type { EngineAccount } from './describe.ts';
import type { DivergenceExplanation } from './explain.ts';

/** Plain text, no colours, no line breaks inside a line. */
export function formatExplanation(explanation: DivergenceExplanation): string[] {
  const { what, expected, got, subject, rule, documented, freedom, engines } = explanation;
  const answer = expected === 'ok' ? `${subject} is wrong` : `${subject} answers ${got}, expected ${expected}`;
  const lines = [`${what}: ${answer}`, alone(explanation)];
  if (documented !== undefined) lines.push(`The documentation calls for ${documented}`);
  lines.push('', ...ruleLines(explanation), '', 'Why each engine decided so');
  const width = (cell: (account: EngineAccount) => string): number => Math.max(...engines.map((e) => cell(e).length));
  const [names, results] = [width((account) => account.engine), width((account) => account.result)];
  for (const account of engines) {
    const mark = account.dissents ? '*' : ' ';
    const row = `${mark} ${account.engine.padEnd(names)}  ${account.result.padEnd(results)}  ${reason(account)}`;
    lines.push(row.trimEnd());
  }
  if (freedom.length > 0) {
    lines.push('', 'What else was tried (one field at a time, everything else as it is)');
    for (const { field, text } of freedom) lines.push(`  ${field}: ${text}`);
  }
  if (rule.length === 0) return lines;
  return [...lines, '', ...rule.map(({ name, source }) => `Source of "${name}": ${source}`)];
}

function alone({ standsAlone, kind }: DivergenceExplanation): string {
  const [first = '', ...more] = standsAlone;
  if (kind.startsWith('metamorphic:')) return `${first} does not agree with itself`;
  if (more.length === 0) return `${first} stands alone`;
  return `${standsAlone.slice(0, -1).join(', ')} and ${standsAlone.at(-1)} stand against the others`;
}

function ruleLines({ rule, kind, subject }: DivergenceExplanation): string[] {
  const [only, ...more] = rule;
  if (!only) return ['No single named rule explains it.'];
  if (kind.startsWith('bitmap:')) return [`Broken rule: ${only.sentence}`];
  const claim = `${subject} behaves, here and in every scenario tried around it, as an engine would in which`;
  if (more.length === 0) return [`Broken rule: ${only.name}`, `  ${claim} ${only.sentence}`];
  return [
    `Broken rule: one of ${rule.length} that differ nowhere around this divergence`,
    `  ${claim} either`,
    ...rule.map(({ name, sentence }) => `  - ${name}: ${sentence}`),
  ];
}

function reason({ rule, range, bit, route, note }: EngineAccount): string {
  const place = [
    ...(range === undefined ? [] : [`range ${range}`]),
    ...(bit === undefined ? [] : [`bit ${bit}`]),
    ...(route === undefined ? [] : [route]),
  ].join(', ');
  const said = rule === undefined ? '' : place === '' ? rule : `${rule} (${place})`;
  return [said, note].filter((part) => part).join('; ');
}
