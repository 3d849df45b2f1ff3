/** Engines as users of the library give them: names, paths, objects, functions. */
import { existsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Engine } from '../engines/contract.ts';
import type { DecisionModule } from '../engines/decision.ts';
import { parseKernelEngine } from '../engines/kernel/engine-name.ts';
import { builtInNames, type EngineSpec, engineOf, engineSpecs, labelOf, loadEngines } from '../engines/registry.ts';
import type { EngineModule } from '../fuzz/scenario-run.ts';
import { InputError } from '../model/input-error.ts';

/**
 * Whether a filter allows an access. `filter` is the one in force as the ioctl accepted it, without empty slots, or
 * `null`; `index` is the MSR index, u32; `write` is true for WRMSR.
 */
export type AccessDecision = DecisionModule['allowed'];

/**
 * An engine: the name of a built-in one (`reference`, `interval`, `vmx`, `svm`, `canary`) or of a real kernel
 * (`kvm-vmx@6.12`), the path or `file:` URL of an ES module, an engine object, the namespace of an engine module, or a
 * function that decides single accesses.
 */
export type EngineInput = string | URL | EngineModule | AccessDecision;

/** Engines that threads of their own can load, or, as one of them is an object of this thread, loaded here. */
export type EngineList =
  | { readonly kind: 'threads'; readonly specs: readonly EngineSpec[] }
  | { readonly kind: 'here'; readonly engines: readonly Engine[] };

/** Throws InputError, EngineUnavailable. */
export async function engineList(inputs: readonly EngineInput[]): Promise<EngineList> {
  if (!Array.isArray(inputs) || inputs.length < 2) {
    throw new InputError('give a list of two engines or more: a comparison needs two');
  }
  const entries = inputs.map(entryOf);
  const specs = entries.flatMap((entry) => ('kind' in entry ? [entry] : []));
  if (specs.length === entries.length) return { kind: 'threads', specs };
  const process = specs.find(({ kind }) => kind === 'kernel' || kind === 'command');
  if (process) {
    throw new InputError(`${labelOf(process)} runs in a process: give the other engines as names and paths too`);
  }
  const loaded = await loadEngines(specs);
  const engines = entries.map((entry) => ('kind' in entry ? loaded.shift()! : entry));
  const names = engines.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new InputError(`two engines are named "${twice}": give one of them another name`);
  return { kind: 'here', engines };
}

/** The engine itself, whatever it is given as; modules are loaded in this thread. Throws InputError, EngineUnavailable. */
export async function oneEngine(input: EngineInput): Promise<Engine> {
  const entry = entryOf(input);
  return 'kind' in entry ? (await loadEngines([entry]))[0]! : entry;
}

function entryOf(input: EngineInput): Engine | EngineSpec {
  if (typeof input === 'string' || input instanceof URL) return specOf(input);
  if (typeof input === 'function') {
    const name = /^[\w.@-]{1,64}$/.test(input.name) ? input.name : 'engine';
    return engineOf({ name, allowed: input }, 'engine');
  }
  if (typeof input !== 'object' || input === null) {
    const found = input === null ? 'null' : typeof input;
    throw new InputError(`an engine is a name, a path, an object or a function (docs/library.md), not ${found}`);
  }
  return engineOf(input, 'engine');
}

function specOf(input: string | URL): EngineSpec {
  const text = input instanceof URL || input.startsWith('file:') ? pathOf(String(input)) : input;
  if (parseKernelEngine(text) || builtInNames().includes(text)) return engineSpecs([text], [])[0]!;
  if (!existsSync(resolve(text)) && !/[./\\]/.test(text)) {
    throw new InputError(
      `unknown engine ${JSON.stringify(text)}: give ${builtInNames().join(', ')}, a kernel as kvm-vmx@6.12, or a path`,
    );
  }
  if (statSync(resolve(text), { throwIfNoEntry: false })?.isDirectory()) {
    throw new InputError(`engine module ${text} is a folder: give the path of the module`);
  }
  return engineSpecs([], [text])[0]!;
}

function pathOf(url: string): string {
  try {
    return fileURLToPath(url);
  } catch {
    throw new InputError(`engine ${url} is no "file:" URL: give the path of a module`);
  }
}
