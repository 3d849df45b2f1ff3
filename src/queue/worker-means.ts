/** What a worker can run of a campaign, and what it refuses: nothing of the queue names a file or a command here. */

import { engineHash } from '../engines/engine-hash.ts';
import { EngineUnavailable } from '../engines/engine-unavailable.ts';
import type { KernelOptions } from '../engines/kernel/machines.ts';
import type { EngineSpec } from '../engines/registry.ts';
import { commandOption } from '../export/shell.ts';
import type { MeasuredKernel } from '../model/kernel.ts';
import { findProfile } from '../model/profile.ts';
import { buildHash } from './build.ts';
import type { RunDescription } from './messages.ts';
import { QueueError } from './queue-error.ts';

/** What the worker's user has given it. */
export interface WorkerMeans {
  readonly name: string;
  readonly version: string;
  readonly threads: number;
  readonly modules: readonly EngineSpec[];
  readonly commands: readonly string[];
  /** Kernels may be started. */
  readonly kernels: boolean;
  /** Those that name files of this machine. */
  readonly kernelOptions: KernelOptions;
}

/**
 * The campaign's engines as they are found here: built-in, and those of this worker's options. Throws QueueError: why the
 * campaign is refused.
 */
export function localEngines(description: RunDescription, means: WorkerMeans): EngineSpec[] {
  const { config, version, build, engineHashes } = description;
  if (build !== buildHash()) {
    throw new QueueError(
      `refused, as the coordinator runs msrdiff ${version} (code ${build.slice(0, 12)}) and this is ${means.version} ` +
        `(code ${buildHash().slice(0, 12)}): install the same version on both`,
    );
  }
  if (!findProfile(config.profile)) throw new QueueError(`refused, as profile ${config.profile} is not known here`);
  return config.engines.map((spec, position) => localEngine(spec, engineHashes[position] ?? '', means));
}

function localEngine(spec: EngineSpec, sha256: string, means: WorkerMeans): EngineSpec {
  switch (spec.kind) {
    case 'built-in':
      if (hashOf(spec) !== sha256) throw new QueueError(`refused, as engine ${spec.name} is another one here`);
      return spec;
    case 'module': {
      const found = means.modules.find((module) => hashOf(module) === sha256);
      if (found) return found;
      throw new QueueError(
        `refused, as the campaign has the engine module ${spec.path} (${sha256.slice(0, 12)}), and no --engine-module ` +
          'of this worker has that file name and content: give it the same file',
      );
    }
    case 'command':
      if (means.commands.includes(spec.command)) return spec;
      throw new QueueError(
        `refused, as an engine is a command, which is only run if this worker is given it too: add ${commandOption(spec.command)}`,
      );
    case 'kernel':
      return { ...spec, options: localOptions(spec.options, means.kernelOptions) };
  }
}

function hashOf(spec: EngineSpec): string {
  try {
    return engineHash(spec);
  } catch (error) {
    if (error instanceof EngineUnavailable) return '';
    throw error;
  }
}

function localOptions({ guestMode, moduleParameters }: KernelOptions, here: KernelOptions): KernelOptions {
  const { kernelImage, modules } = here;
  return {
    ...(guestMode === undefined ? {} : { guestMode }),
    ...(moduleParameters ? { moduleParameters } : {}),
    ...(kernelImage === undefined ? {} : { kernelImage }),
    ...(modules === undefined ? {} : { modules }),
  };
}

/** Why the kernels that have been measured here are not the campaign's; empty if they are. */
export function kernelsDifference(
  theirs: Readonly<Record<string, MeasuredKernel>>,
  ours: Readonly<Record<string, MeasuredKernel>>,
): string {
  for (const [name, kernel] of Object.entries(ours)) {
    const difference = kernelDifference(name, theirs[name], kernel);
    if (difference !== '') return difference;
  }
  return '';
}

/** Why a kernel that has been measured here is not the campaign's; empty if it is. */
function kernelDifference(name: string, theirs: MeasuredKernel | undefined, ours: MeasuredKernel): string {
  if (!theirs) return `engine ${name} has not been measured`;
  if (theirs.description !== ours.description) {
    return `engine ${name} is ${ours.description} here, and ${theirs.description} in the campaign`;
  }
  const unsteady = new Set([...theirs.unsteady, ...ours.unsteady].map(({ index }) => index));
  const rowsOf = ({ rows }: MeasuredKernel): Map<number, string> =>
    new Map(rows.filter(({ index }) => !unsteady.has(index)).map((row) => [row.index, `${row.read},${row.write}`]));
  const [a, b] = [rowsOf(theirs), rowsOf(ours)];
  const different = [...new Set([...a.keys(), ...b.keys()])].filter((index) => a.get(index) !== b.get(index));
  if (different.length === 0) return '';
  const some = different.slice(0, 3).map((index) => `0x${index.toString(16)}`);
  return `engine ${name} answers ${different.length} MSRs otherwise here than in the campaign (${some.join(', ')})`;
}
