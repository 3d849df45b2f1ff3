/** The engines of a database, to be run again. A database is data: it must not bring commands along that are run. */
import type { EngineSpec } from '../engines/registry.ts';
import { commandOption } from '../export/shell.ts';
import { InputError } from '../model/input-error.ts';

/** The stored engines, if the user gives the commands among them too. Throws InputError. */
export function permittedEngines(
  stored: readonly EngineSpec[],
  commands: readonly string[] = [],
): readonly EngineSpec[] {
  const missing = stored.filter((spec) => spec.kind === 'command' && !commands.includes(spec.command));
  if (missing.length === 0) return stored;
  const options = commandOptions(missing).join(' ');
  throw new InputError(`an engine is a command, which is only run if it is given again: add ${options}`);
}

export function commandsOf(specs: readonly EngineSpec[]): string[] {
  return specs.flatMap((spec) => (spec.kind === 'command' ? [spec.command] : []));
}

/** The options that give the commands, as a shell takes them. */
export function commandOptions(specs: readonly EngineSpec[]): string[] {
  return commandsOf(specs).map(commandOption);
}
