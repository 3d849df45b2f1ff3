/** A filter builder from a user's ES module. */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { InputError } from '../../model/input-error.ts';
import type { FilterBuilder } from './contract.ts';

/** @throws InputError if the module does not load or is no builder */
export async function loadBuilder(path: string): Promise<FilterBuilder> {
  let namespace: { readonly default?: unknown };
  try {
    namespace = await import(pathToFileURL(resolve(path)).href);
  } catch (error) {
    const message = error instanceof Error ? error.message.split('\n')[0] : String(error);
    throw new InputError(`builder ${path} does not load: ${message}`);
  }
  const { name, build } = (namespace.default ?? namespace) as Partial<FilterBuilder>;
  if (typeof name !== 'string' || !/^[\w.-]{1,64}$/.test(name)) {
    throw new InputError(
      `builder ${path} lacks a "name" of up to 64 letters, digits, "-", "_" or "." (docs/builders.md)`,
    );
  }
  if (typeof build !== 'function')
    throw new InputError(`builder ${path} lacks the function "build" (docs/builders.md)`);
  return { name, build };
}
