/** A scenario as a vitest file that fails while an engine diverges from the rules, and passes once it does not. */
import { reference } from '../engines/reference.ts';
import { runScenario } from '../fuzz/scenario-run.ts';
import { InputError } from '../model/input-error.ts';
import { compactJson } from '../model/json-text.ts';
import { formatScenario, scenarioToJson } from '../model/scenario-json.ts';
import { commentText } from './program-steps.ts';
import { type DivergenceFacts, type ExportSubject, titleOf } from './subject.ts';

/** How long an engine that did not come back is given, in milliseconds. */
const PATIENCE_MS = 10_000;

/** Throws InputError where the engine is no module, or is the one that says what is expected. */
export function vitestFile(subject: ExportSubject, fileName: string): string {
  const { divergence } = subject;
  const isSilent =
    divergence?.kind === 'engine-timeout' || divergence?.message.startsWith('took its worker down') === true;
  const lines = [
    `// ${commentText(titleOf(subject))}.`,
    '// Fails while the engine has the bug, passes once it is fixed. Needs vitest and msrdiff:',
    `//   npx vitest run ${fileName}`,
    ...(isSilent ? silentTest(subject) : resultTest(subject)),
  ];
  return `${lines.join('\n')}\n`;
}

/** Compares everything that comes out, in the test's own thread. */
function resultTest({ scenario, profile, divergence }: ExportSubject): string[] {
  const { results } = runScenario(reference, scenarioToJson(scenario), profile.id);
  const engine = divergence && builtInSubject(divergence);
  return [
    `import { ${engine === undefined ? '' : 'builtInEngine, '}runScenario } from 'msrdiff/scenario';`,
    "import { expect, it } from 'vitest';",
    ...(engine === undefined
      ? [ENGINE_MARK, "import * as engine from './engine.mjs';"]
      : ['', ENGINE_MARK, `const engine = builtInEngine('${engine}');`]),
    '',
    `const scenario = ${scenarioText(scenario)};`,
    '',
    '// By event, as the rules have it; null: nothing to compare.',
    'const results = [',
    ...results.map((result) => `  ${compactJson(result)},`),
    '];',
    '',
    `it('does as the rules of profile ${profile.id} say', () => {`,
    `  expect(runScenario(engine, scenario, '${profile.id}')).toEqual({ results, breaches: [] });`,
    '});',
  ];
}

/** Runs the engine in a process of its own: what does not return, or ends its thread, would take the test along. */
function silentTest({ scenario, profile, divergence }: ExportSubject): string[] {
  const engine = divergence && builtInSubject(divergence);
  return [
    "import { spawnSync } from 'node:child_process';",
    "import { expect, it } from 'vitest';",
    '',
    `const scenario = ${scenarioText(scenario)};`,
    '',
    'const program = `',
    `  import { ${engine === undefined ? '' : 'builtInEngine, '}runScenario } from 'msrdiff/scenario';`,
    `  ${ENGINE_MARK}`,
    engine === undefined ? "  import * as engine from './engine.mjs';" : `  const engine = builtInEngine('${engine}');`,
    `  runScenario(engine, \${JSON.stringify(scenario)}, '${profile.id}');`,
    "  process.stdout.write('came back');",
    '`;',
    '',
    "it('comes back', () => {",
    `  const options = { cwd: new URL('.', import.meta.url), timeout: ${PATIENCE_MS}, encoding: 'utf8' };`,
    "  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', program], options);",
    "  expect(stdout).toContain('came back');",
    `}, ${PATIENCE_MS * 2});`,
  ];
}

const ENGINE_MARK = '// The engine under test: a module in either form of docs/engines.md.';

const scenarioText = (scenario: ExportSubject['scenario']): string => formatScenario(scenario).trimEnd();

/** Name of the subject if msrdiff brings it along; undefined for a module. */
function builtInSubject({ subject, engines }: DivergenceFacts): string | undefined {
  const own = engines.find((spec) => 'name' in spec && spec.name === subject);
  if (own?.kind === 'built-in') {
    if (subject !== reference.name) return subject;
    throw new InputError(`${subject} says what a test expects, so that none can fail on it: use another format`);
  }
  const isProcess = own?.kind === 'kernel' || !engines.some(({ kind }) => kind === 'module');
  if (!isProcess || engines.length === 0) return undefined;
  throw new InputError(`${subject} is no module that a test could import: use another format, such as c or kselftest`);
}
