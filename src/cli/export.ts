/** `msrdiff export`: a divergence in the form that somebody else can run. */
import { writeFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { reference } from '../engines/reference.ts';
import { countAccesses, Runner } from '../engines/runner.ts';
import { cProgram } from '../export/c-program.ts';
import { catalogueBase } from '../model/catalogue.ts';
import { InputError } from '../model/input-error.ts';
import { parseJsonText } from '../model/json-text.ts';
import { findProfile, type KernelProfile, NEWEST_PROFILE } from '../model/profile.ts';
import type { Scenario } from '../model/scenario.ts';
import { parseScenario } from '../model/scenario-json.ts';
import { Verdict } from '../model/verdict.ts';
import { databaseOption, profileValue } from './options.ts';
import { sourceOf } from './scenario-source.ts';

interface ExportOptions {
  readonly database: string;
  readonly format: 'c' | 'json';
  readonly out?: string;
  readonly profile?: KernelProfile;
}

export function addExport(program: Command): void {
  program
    .command('export')
    .argument('<id|file>', 'a stored divergence, or a scenario as JSON')
    .description('write a divergence as a program or a file that needs no database')
    .addOption(
      new Option('--format <name>', 'c: a program for /dev/kvm; json: the scenario')
        .choices(['c', 'json'])
        .default('c'),
    )
    .option('--out <file>', 'where to (default: standard output)')
    .addOption(new Option('--profile <name>', 'kernel whose rules apply (default: as stored)').argParser(profileValue))
    .addOption(databaseOption())
    .action(async (source: string, options: ExportOptions) => {
      const { scenario: text, divergence } = await sourceOf(source, options.database);
      const scenario = parseScenario(parseJsonText(text, source), source);
      const profile = options.profile ?? findProfile(divergence?.profile ?? NEWEST_PROFILE.id)!;
      const output =
        options.format === 'json'
          ? `${text.trimEnd()}\n`
          : cProgram(scenario, {
              title: divergence
                ? `Divergence ${divergence.id}: ${divergence.kind} of ${divergence.subject}, rules of profile ${profile.id}`
                : `Scenario ${source}, rules of profile ${profile.id}`,
              expected: denials(scenario, profile),
            });
      if (options.out === undefined) process.stdout.write(output);
      else write(options.out, output);
    });
}

/**
 * What the rules say of denied accesses; the outcome of others is the kernel's own. -1 where anything may come out.
 */
function denials(scenario: Scenario, profile: KernelProfile): number[] {
  const accesses = countAccesses(scenario);
  const runner = new Runner(reference, { profile, base: catalogueBase() });
  const verdicts = Array.from(runner.run(scenario, accesses).verdicts.subarray(0, accesses));
  // With FILTER deflected as well, a denial cannot be taken for another fault.
  const deflected = scenario.events.map((event) =>
    event.kind === 'cap' ? { ...event, mask: event.mask | 4n } : event,
  );
  const all: Scenario = { events: [{ kind: 'cap', mask: 4n }, ...deflected] };
  const denied = runner.run(all, accesses).verdicts;
  return verdicts.map((verdict, i) => (denied[i] === Verdict.EXIT_FILTER ? verdict : -1));
}

function write(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch (error) {
    throw new InputError(`${path} cannot be written (${(error as NodeJS.ErrnoException).code}): check the path`);
  }
}
