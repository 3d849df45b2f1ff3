/** A filter builder from a user's ES module. */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { InputError } from '../../model/input-error.ts';
import type { FilterBuilder } from './contract.ts';

/** How long a module may take to load, in milliseconds. */
const LOAD_MS = 20_000;

/** @throws InputError if the module does not load or is no builder */
export async function loadBuilder(path: string): Promise<FilterBuilder> {
  let namespace: { readonly default?: unknown };
  try {
    namespace = await within(LOAD_MS, import(pathToFileURL(resolve(path)).href));
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

/** A module can wait for what never comes. */
async function within<T>(limitMs: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${limitMs / 1000} s`)), limitMs);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
