/** Engines by name, and engines that users bring as an ES module or as a command. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { MeasuredKernel } from '../model/kernel.ts';
import { absentKernel } from './absent-kernel.ts';
import { canary } from './canary.ts';
import type { Engine, EventKind } from './contract.ts';
import { type DecisionModule, fromDecision } from './decision.ts';
import { EngineUnavailable } from './engine-unavailable.ts';
import { findHistoryEngine } from './history/engines.ts';
import { interval } from './interval.ts';
import { parseKernelEngine } from './kernel/engine-name.ts';
import { GUEST_MODES, type KernelOptions, kernelLaunch } from './kernel/machines.ts';
import { reference } from './reference.ts';
import { startRemote } from './remote/remote-engine.ts';
import { svm } from './svm.ts';
import { vmx } from './vmx.ts';

const BUILT_IN: readonly Engine[] = [reference, interval, vmx, svm, canary];
export const DEFAULT_ENGINES: readonly string[] = ['reference', 'interval', 'vmx', 'svm'];

/** How long one engine may take for one case, or for one answer, in milliseconds. */
export const DEFAULT_TIMEOUT_MS = 10_000;
/** How long a command may take to say HELLO, in milliseconds. */
const COMMAND_START_MS = 10_000;

/** How a worker finds an engine again: plain data. */
export type EngineSpec =
  | { readonly kind: 'built-in'; readonly name: string }
  | { readonly kind: 'module'; readonly path: string; readonly sha256: string }
  /** Run by `sh -c`; speaks the engine protocol. */
  | { readonly kind: 'command'; readonly command: string }
  | { readonly kind: 'kernel'; readonly name: string; readonly options: KernelOptions };

/** What to call an engine that may not have said its name. */
export function labelOf(spec: EngineSpec): string {
  if (spec.kind === 'module') return spec.path;
  return spec.kind === 'command' ? spec.command : spec.name;
}

/** What engines need of the thread that they are loaded in. */
export interface LoadContext {
  /** How long an engine in a process of its own may take for one answer, in milliseconds. */
  readonly timeoutMs?: number;
  /** Called several times a second while the thread waits for such an engine. */
  readonly onWait?: () => void;
  /** By name, where kernels are not to be started: what was measured elsewhere stands for them. */
  readonly kernelsElsewhere?: Readonly<Record<string, MeasuredKernel>>;
}

export function builtInNames(): string[] {
  return BUILT_IN.map(({ name }) => name);
}

export function builtIn(name: string): Engine {
  const engine = BUILT_IN.find((candidate) => candidate.name === name) ?? findHistoryEngine(name);
  if (!engine) throw new EngineUnavailable(`unknown engine "${name}"`);
  return engine;
}

/** Specs for names, module paths and commands; reads the modules to record what they were. */
export function engineSpecs(
  names: readonly string[],
  modules: readonly string[],
  commands: readonly string[] = [],
  options: KernelOptions = {},
): EngineSpec[] {
  const specs: EngineSpec[] = names.map((name) => {
    if (parseKernelEngine(name)) return { kind: 'kernel', name, options };
    if (!BUILT_IN.some((engine) => engine.name === name) && !findHistoryEngine(name)) {
      throw new EngineUnavailable(
        `unknown engine "${name}": known are ${builtInNames().join(', ')}, kvm, kvm-svm@VERSION and kvm-vmx@VERSION, ` +
          'and the generations that "msrdiff engines" lists; use --engine-module or --engine-command for your own',
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
  for (const command of commands) specs.push({ kind: 'command', command });
  return specs;
}

/** Loads the engines, in order, for `closeEngines`. Throws EngineUnavailable: what is wrong and how to mend it. */
export async function loadEngines(specs: readonly EngineSpec[], context: LoadContext = {}): Promise<Engine[]> {
  const engines: Engine[] = [];
  try {
    for (const spec of specs) {
      const engine = await loadEngine(spec, context);
      engines.push(engine);
      if (engines.findIndex(({ name }) => name === engine.name) !== engines.length - 1) {
        throw new EngineUnavailable(`two engines are named "${engine.name}": give one of them another name`);
      }
    }
  } catch (error) {
    closeEngines(engines);
    throw error;
  }
  return engines;
}

/** Ends the processes of those that have any. */
export function closeEngines(engines: readonly Engine[]): void {
  for (const engine of engines) engine.close?.();
}

async function loadEngine(spec: EngineSpec, context: LoadContext): Promise<Engine> {
  const { timeoutMs = DEFAULT_TIMEOUT_MS, onWait, kernelsElsewhere } = context;
  switch (spec.kind) {
    case 'built-in':
      return builtIn(spec.name);
    case 'module':
      return loadModule(spec.path);
    case 'command':
      return startRemote({
        label: `engine command ${JSON.stringify(spec.command)}`,
        launch: { argv: ['sh', '-c', spec.command], transport: 'stdio', startMs: COMMAND_START_MS },
        timeoutMs,
        ...(onWait ? { onWait } : {}),
      });
    case 'kernel':
      if (kernelsElsewhere) return absentKernel(spec.name, kernelsElsewhere[spec.name]!);
      return startRemote({
        name: spec.name,
        label: `engine ${spec.name}`,
        launch: kernelLaunch(spec.name, spec.options),
        timeoutMs,
        guestMode: GUEST_MODES.indexOf(spec.options.guestMode ?? 'long'),
        ...(onWait ? { onWait } : {}),
      });
  }
}

async function loadModule(path: string): Promise<Engine> {
  let namespace: object;
  try {
    namespace = await import(pathToFileURL(path).href);
  } catch (error) {
    const message = error instanceof Error ? error.message.split('\n')[0] : String(error);
    throw new EngineUnavailable(`engine module ${path} does not load: ${message}`);
  }
  return engineOf(namespace, `engine module ${path}`);
}

/** The engine that a module exports, in either form. `label` names it in the message of the EngineUnavailable. */
export function engineOf(namespace: object, label: string): Engine {
  const exported = ((namespace as { readonly default?: unknown }).default ?? namespace) as Record<string, unknown>;
  const reject = (what: string): never => {
    throw new EngineUnavailable(`${label}: ${what} (see docs/engines.md)`);
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
