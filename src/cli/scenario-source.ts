/** What `replay` and `minimize` work on: a stored divergence or a scenario file, with engines and profile. */
import { existsSync } from 'node:fs';
import { DEFAULT_ENGINES, type EngineSpec, engineSpecs } from '../engines/registry.ts';
import { enginesOfStored } from '../fuzz/explain/stored.ts';
import { SHIPPED_LEDGER } from '../fuzz/ledger.ts';
import { probe } from '../fuzz/probe.ts';
import { commandsOf } from '../fuzz/stored-engines.ts';
import type { ProbeReply, ProbeRequest } from '../fuzz/worker-protocol.ts';
import { InputError } from '../model/input-error.ts';
import { parseJsonText } from '../model/json-text.ts';
import { type KernelProfile, NEWEST_PROFILE } from '../model/profile.ts';
import { vectorText } from '../model/result-name.ts';
import { formatScenario, parseScenario } from '../model/scenario-json.ts';
import { Store } from '../store/store.ts';
import { type KernelCliOptions, kernelOptionsOf, readInput } from './options.ts';

export interface SourceOptions {
  readonly database: string;
  readonly engines?: string[];
  readonly engineModule?: string[];
  readonly engineCommand?: string[];
  readonly profile?: KernelProfile;
}

type WithKernels = SourceOptions & KernelCliOptions;

/** What `replay` and `minimize` come back with. */
export type ReplayReply = Extract<ProbeReply, { kind: 'done' | 'lost' }>;

type Stored = Awaited<ReturnType<Store['divergence']>>;

/** A path that exists, or looks like one, is a file; anything else is the id of a stored divergence. */
export async function sourceOf(
  source: string,
  database: string,
): Promise<{ readonly scenario: string; readonly divergence: Stored | undefined }> {
  if (existsSync(source) || /[./]/.test(source)) return { scenario: readInput(source), divergence: undefined };
  const divergence = await load(database, source);
  return { scenario: divergence.scenario, divergence };
}

export async function requestFor(
  source: string,
  options: WithKernels,
  action: ProbeRequest['action'],
): Promise<ProbeRequest> {
  const { scenario, divergence: stored } = await sourceOf(source, options.database);
  const parsed = parseScenario(parseJsonText(scenario, source), source);
  // A stored one may be empty: what is wrong from the VM's creation on needs no event.
  if (!stored && parsed.events.length === 0)
    throw new InputError(`${source}: a scenario without events has nothing to run`);
  return {
    scenario: formatScenario(parsed),
    profile: options.profile?.id ?? stored?.profile ?? NEWEST_PROFILE.id,
    engines: enginesFor(options, stored),
    ledger: SHIPPED_LEDGER,
    day: new Date().toISOString().slice(0, 10),
    action,
  };
}

/** The engines that the options name; without any, those that it was stored with. Throws InputError. */
export function enginesFor(options: WithKernels, stored: Stored | undefined): readonly EngineSpec[] {
  const { engines, engineModule, engineCommand } = options;
  const storedEngines = stored?.engines as readonly EngineSpec[] | undefined;
  // Commands are given again to permit those that are stored, or to choose others.
  const others = engineCommand?.some((command) => !storedEngines || !commandsOf(storedEngines).includes(command));
  return engines || engineModule || others || !stored
    ? engineSpecs(engines ?? DEFAULT_ENGINES, engineModule ?? [], engineCommand, kernelOptionsOf(options))
    : enginesOfStored(stored, engineCommand);
}

async function load(database: string, id: string): Promise<Stored> {
  const store = await Store.open(database, { readOnly: true });
  try {
    return await store.divergence(id);
  } finally {
    await store.close();
  }
}

/** Runs the request in a thread of its own. */
export async function replayed(request: ProbeRequest, timeoutMs: number): Promise<ReplayReply> {
  return (await probe(request, timeoutMs)) as ReplayReply;
}

/** One line per finding. */
export function findingLines(reply: ReplayReply): string[] {
  if (reply.kind === 'lost') return [`diverges: an engine does not come back: ${reply.message}`];
  return reply.findings.map(({ kind, subject, event, access, index, write, vector, message, known }) => {
    const type = write ? 'WRMSR' : 'RDMSR';
    const where =
      event < 0
        ? 'VM creation'
        : access < 0
          ? `event ${event}`
          : `event ${event}, access ${access}: ${type} 0x${index.toString(16)}`;
    const verb = known === null ? 'diverges' : `known divergence ${known}`;
    return `${verb}: ${kind}, ${subject}, ${where}: ${message || vectorText(kind, vector)}`;
  });
}

export function diverges(reply: ReplayReply): boolean {
  return reply.kind === 'lost' || reply.findings.some(({ known }) => known === null);
}
