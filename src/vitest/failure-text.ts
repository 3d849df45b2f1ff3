/** A divergence as the failure of a test: what, who, why, and how to see it again. */
import { engineOptions, quoted } from '../export/shell.ts';
import { formatExplanation } from '../fuzz/explain/format.ts';
import type { Divergence } from '../library/divergence.ts';
import type { EngineInput, EngineList } from '../library/engine-list.ts';
import { explained } from '../library/probing.ts';
import { msrName } from '../model/catalogue.ts';
import { NEWEST_PROFILE } from '../model/profile.ts';
import { formatScenario, parseScenario } from '../model/scenario-json.ts';
import { storeReproducer } from './reproducer.ts';

/** Where a divergence comes from. */
export interface Context {
  /** Those that the engine under test was compared with, as given. */
  readonly others: readonly EngineInput[];
  /** All of them. */
  readonly list: EngineList;
  /** How it was found, such as `within 64 cases`. */
  readonly found: string;
  /** Folder for its scenario. */
  readonly reproducers: string;
  /** Whether it is stored there. */
  readonly store: boolean;
  /** Of the explanation. */
  readonly timeoutMs: number;
}

/** Throws InputError if it cannot be stored. */
export async function failureText(divergence: Divergence, context: Context): Promise<string> {
  const { id, kind, engine, profile } = divergence;
  const scenario = formatScenario(parseScenario(divergence.scenario, 'scenario'));
  const question = { scenario, profile, ledger: true, timeoutMs: context.timeoutMs };
  const explanation =
    kind === 'engine-timeout' ? undefined : await explained(context.list, question, { kind, subject: engine });
  const path = context.store ? storeReproducer(context.reproducers, divergence, scenario) : undefined;
  return [
    `${engine} diverges ${context.found}: ${kind}, divergence ${id}`,
    '',
    // What does not matter is for those who look closer: `msrdiff show`.
    ...(explanation ? formatExplanation({ ...explanation, freedom: [] }) : summary(divergence)),
    '',
    'Minimized scenario:',
    scenario.trimEnd(),
    ...(path === undefined ? [] : ['', `Stored in ${path}. To run it again:`, ...replay(divergence, context, path)]),
  ].join('\n');
}

/** Where the engine cannot be asked why. */
function summary({ engine, msr, write, message, results }: Divergence): string[] {
  const access =
    msr === null ? [] : [`${write ? 'WRMSR' : 'RDMSR'} 0x${msr.toString(16)} ${msrName(msr) ?? ''}`.trim()];
  if (message !== '') return [...access, `${engine}: ${message}`];
  return [...access, ...Object.entries(results).map(([name, result]) => `${name} answers ${result}`)];
}

function replay({ profile }: Divergence, { list, others }: Context, path: string): string[] {
  const quotedPath = path.includes("'") ? JSON.stringify(path) : `'${path}'`;
  const isNewest = profile === NEWEST_PROFILE.id;
  const options = [`scenario: ${quotedPath}`, ...(isNewest ? [] : [`profile: '${profile}'`])].join(', ');
  const names = others.map(inputText);
  const compared = names.length === 1 ? names[0] : `[${names.join(', ')}]`;
  const matcher = `  await expect(engine).toAgreeWith(${compared}, { ${options} });`;
  // The command line cannot be given an object.
  if (list.kind === 'here') return [matcher];
  const words = ['npx msrdiff replay', quoted(path), `--profile ${profile}`, ...engineOptions(list.specs)];
  return [matcher, `  ${words.join(' ')}`];
}

function inputText(input: EngineInput): string {
  if (typeof input === 'string') return `'${input}'`;
  const { name } = input as { readonly name?: string };
  return name && /^[A-Za-z_$][\w$]*$/.test(name) ? name : 'other';
}
