/** What an engine is, by content: a proof holds for that and for nothing else. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EngineUnavailable } from './engine-unavailable.ts';
import { findHistoryEngine } from './history/engines.ts';
import type { EngineSpec } from './registry.ts';

/** Static imports and re-exports of modules beside or above: the only form that engines use. */
const RELATIVE_IMPORT = /(?:^|[\s;}*])(?:from|import)\s*["'](\.{1,2}\/[^"']+)["']/g;

/**
 * SHA-256 over an engine's module and everything that it imports by a relative path, as they are run; 64 hexadecimal
 * digits. Not covered: packages, and what is loaded by import() or require(). Throws EngineUnavailable for engines that are processes: what these are made of cannot be seen.
 */
export function engineHash(spec: EngineSpec): string {
  if (spec.kind === 'command' || spec.kind === 'kernel') {
    throw new EngineUnavailable('an engine in a process of its own cannot be proven: give a module (--engine-module)');
  }
  const hash = createHash('sha256');
  // For a module that only decides, the rest of a VM is here.
  const entries = spec.kind === 'module' ? [spec.path, builtInPath('decision')] : [builtInPath(moduleOf(spec.name))];
  // Generations share their modules: the name says which rules they follow.
  if (spec.kind === 'built-in' && findHistoryEngine(spec.name)) hash.update(`${spec.name}\0`);
  for (const entry of entries) {
    for (const [path, text] of modulesOf(entry)) {
      hash.update(`${relative(dirname(entry), path)}\0${text.length}\0${text}`);
    }
  }
  return hash.digest('hex');
}

/** Path and text of a module and all that it imports, by path. */
export function modulesOf(entry: string): [string, string][] {
  const texts = new Map<string, string>();
  collect(entry, texts);
  return [...texts].sort(([a], [b]) => (a < b ? -1 : 1));
}

function moduleOf(builtIn: string): string {
  return findHistoryEngine(builtIn) ? 'history/engines' : builtIn;
}

/** Beside this module, as source or built, whichever runs. */
function builtInPath(name: string): string {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return fileURLToPath(new URL(`./${name}.${extension}`, import.meta.url));
}

function collect(path: string, texts: Map<string, string>): void {
  if (texts.has(path)) return;
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    throw new EngineUnavailable(`${path}, which an engine is made of, cannot be read (${code}): check the path`);
  }
  texts.set(path, text);
  for (const [, specifier] of text.matchAll(RELATIVE_IMPORT)) collect(resolve(dirname(path), specifier!), texts);
}
