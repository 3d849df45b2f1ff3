/** Engines by name, and engines that users bring as an ES module. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { canary } from './canary.ts';
import type { Engine, EventKind } from './contract.ts';
import { type DecisionModule, fromDecision } from './decision.ts';
import { interval } from './interval.ts';
import { reference } from './reference.ts';
import { svm } from './svm.ts';
import { vmx } from './vmx.ts';

const BUILT_IN: readonly Engine[] = [reference, interval, vmx, svm, canary];
export const DEFAULT_ENGINES: readonly string[] = ['reference', 'interval', 'vmx', 'svm'];

/** An engine that is not there or does not load: exit code 3. */
export class EngineUnavailable extends Error {
  readonly code = 'MSRDIFF_ENGINE';
}

/** How a worker finds an engine again: plain data. */
export type EngineSpec =
  | { readonly kind: 'built-in'; readonly name: string }
  | { readonly kind: 'module'; readonly path: string; readonly sha256: string };

export function builtInNames(): string[] {
  return BUILT_IN.map(({ name }) => name);
}

/** Specs for a list of built-in names and module paths; reads the modules to record what they were. */
export function engineSpecs(names: readonly string[], modules: readonly string[]): EngineSpec[] {
  const specs: EngineSpec[] = names.map((name) => {
    if (!BUILT_IN.some((engine) => engine.name === name)) {
      throw new EngineUnavailable(
        `unknown engine "${name}": known are ${builtInNames().join(', ')}; use --engine-module for your own`,
      );
    }
    return { kind: 'built-in', name };
  });
  for (const module of modules) {
    const path = resolve(module);
    try {
      specs.push({ kind: 'module', path, sha256: createHash('sha256').update(readFileSync(path)).digest('hex') });
    } catch (error) {
      throw new EngineUnavailable(
        `engine module ${path} cannot be read (${(error as NodeJS.ErrnoException).code}): check the path`,
      );
    }
  }
  return specs;
}

/** Loads the engines, in order. Throws EngineUnavailable, with what is wrong and how to mend it. */
export async function loadEngines(specs: readonly EngineSpec[]): Promise<Engine[]> {
  const engines: Engine[] = [];
  for (const spec of specs) {
    const engine =
      spec.kind === 'module' ? await loadModule(spec.path) : BUILT_IN.find(({ name }) => name === spec.name);
    if (!engine) throw new EngineUnavailable(`unknown engine "${spec.kind === 'built-in' ? spec.name : spec.path}"`);
    if (engines.some(({ name }) => name === engine.name)) {
      throw new EngineUnavailable(`two engines are named "${engine.name}": give one of them another name`);
    }
    engines.push(engine);
  }
  return engines;
}

async function loadModule(path: string): Promise<Engine> {
  let namespace: { readonly default?: unknown };
  try {
    namespace = await import(pathToFileURL(path).href);
  } catch (error) {
    const message = error instanceof Error ? error.message.split('\n')[0] : String(error);
    throw new EngineUnavailable(`engine module ${path} does not load: ${message}`);
  }
  const exported = (namespace.default ?? namespace) as Record<string, unknown>;
  const reject = (what: string): never => {
    throw new EngineUnavailable(`engine module ${path}: ${what} (see docs/engines.md)`);
  };
  if (typeof exported !== 'object' || exported === null) reject('its default export is no object');
  const { name, capabilities, createVm, allowed } = exported as Partial<Engine & DecisionModule>;
  if (typeof name !== 'string' || !/^[\w.@-]{1,64}$/.test(name)) {
    reject('lacks a "name" of up to 64 letters, digits, "-", "_", "." or "@"');
  }
  if (typeof allowed === 'function') return fromDecision({ name: name!, allowed });
  if (typeof createVm !== 'function') reject('lacks both "createVm" and "allowed"');
  const events = capabilities?.events;
  if (!Array.isArray(events)) reject('lacks "capabilities.events", the list of event kinds that it runs');
  return checked(exported as unknown as Engine, reject);
}

const METHOD_OF: Partial<Record<EventKind, string>> = {
  filter: 'setFilter',
  cap: 'enableCap',
  ignoreMsrs: 'setIgnoreMsrs',
  apic: 'setApicMode',
  candidates: 'setCandidates',
  access: 'access',
  reply: 'reply',
  nested: 'enterNested',
};

/** Every VM is checked for the methods that the capabilities promise. */
function checked(engine: Engine, reject: (what: string) => never): Engine {
  const kinds = new Set<EventKind>([...engine.capabilities.events, 'filter', 'access']);
  for (const kind of kinds)
    if (!(kind in METHOD_OF)) reject(`states the unknown event kind "${kind}" in capabilities.events`);
  return {
    ...engine,
    capabilities: { ...engine.capabilities, events: [...kinds], routes: engine.capabilities.routes === true },
    createVm: (config) => {
      const vm = engine.createVm(config);
      for (const kind of kinds) {
        const method = METHOD_OF[kind]!;
        if (typeof (vm as unknown as Record<string, unknown>)[method] !== 'function') {
          throw new EngineUnavailable(`engine "${engine.name}": its VM lacks the method "${method}" (event "${kind}")`);
        }
      }
      return vm;
    },
  };
}
