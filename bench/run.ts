/**
 * `npm run bench`: all measurements of docs/performance.md. `--only PART[,...]` of lookup, compile, campaign, length,
 * divergences; `--rounds N` of the micro parts, a third of it of whole processes; `--seconds N` of each whole process;
 * `--json` for machines; `--write` puts the figures into docs/performance.md and the charts into docs/charts.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { compilerVersion } from './c-rival.ts';
import { campaign } from './campaign.ts';
import { compile } from './compile.ts';
import { divergences } from './divergences.ts';
import { writeDocument } from './document.ts';
import { length } from './length.ts';
import { lookup } from './lookup.ts';
import { Machine } from './machine.ts';
import { asText, figuresTable, type Part, type Section } from './report.ts';

const PARTS: Readonly<Record<string, Part>> = { lookup, compile, campaign, length, divergences };

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    rounds: { type: 'string', default: '9' },
    seconds: { type: 'string', default: '10' },
    json: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
});

function positive(name: 'rounds' | 'seconds'): number {
  const value = Number(values[name]);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new Error(`--${name} ${values[name]}: give a number greater than 0`);
}

function partOf(name: string): Part {
  const part = PARTS[name];
  if (part) return part;
  throw new Error(`--only ${name}: the parts are ${Object.keys(PARTS).join(', ')}`);
}

async function main(): Promise<void> {
  if (values.write && values.only !== undefined) throw new Error('--write takes no --only: it replaces all figures');
  const parts = values.only?.split(',').map(partOf) ?? Object.values(PARTS);
  const [rounds, seconds] = [Math.ceil(positive('rounds')), positive('seconds')];
  const machine = new Machine(compilerVersion());
  const folder = mkdtempSync(join(tmpdir(), 'msrdiff-bench-'));
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  const options = { folder, rounds, processRounds: Math.ceil(rounds / 3), seconds, say };
  const sections: Section[] = [];
  try {
    for (const part of parts) sections.push(await part(options));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const figures = sections.flatMap((section) => section.figures);
  if (values.write) writeDocument(sections, `${machine.text()} ${rounds} rounds, whole processes of ${seconds} s.`);
  if (values.json) {
    const data = Object.fromEntries(sections.map((section) => [section.name, section.data]));
    process.stdout.write(`${JSON.stringify({ machine: machine.json(), rounds, seconds, figures, ...data })}\n`);
  } else {
    const tables = [...sections.flatMap((section) => section.tables), figuresTable(sections)];
    process.stdout.write(`${machine.text()}\n\n${asText(tables)}\n`);
  }
}

try {
  await main();
} catch (error) {
  process.stderr.write(`bench: ${(error as Error).message}\n`);
  process.exitCode = 1;
}
