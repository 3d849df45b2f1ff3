/** Scenarios of failures as files. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import type { Divergence } from '../library/divergence.ts';
import { InputError } from '../model/input-error.ts';
import { parseJsonText } from '../model/json-text.ts';
import { formatScenario, parseScenario } from '../model/scenario-json.ts';

/** Writes the scenario, and makes the folder. Its path, relative to the current folder. Throws InputError. */
export function storeReproducer(folder: string, { engine, id }: Divergence, text: string): string {
  const path = join(resolve(folder), `${engine.replace(/[^\w.@-]/g, '_').slice(-64)}-${id}.json`);
  try {
    mkdirSync(resolve(folder), { recursive: true });
    writeFileSync(path, text);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new InputError(`${path} cannot be written (${code}): give another folder as reproducers`);
  }
  return relative('.', path);
}

/** Canonical text of the scenario in a file. Throws InputError. */
export function readReproducer(path: string): string {
  let text: string;
  try {
    text = readFileSync(resolve(path), 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new InputError(`scenario ${path} cannot be read (${code}): check the path`);
  }
  return formatScenario(parseScenario(parseJsonText(text, path), path));
}
