/** What a worker's code is, by content: shards of another code would be of another campaign. */
import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { engineHash, modulesOf } from '../engines/engine-hash.ts';
import type { EngineSpec } from '../engines/registry.ts';
import { workerFile } from '../engines/worker-file.ts';

let build: string | undefined;

/** SHA-256 over the modules that run a shard, 64 hexadecimal digits. */
export function buildHash(): string {
  build ??= hashOfBuild();
  return build;
}

function hashOfBuild(): string {
  const hash = createHash('sha256');
  for (const [path, text] of modulesOf(workerFile('shard-worker.js'))) {
    hash.update(`${basename(path)}\0${text.length}\0${text}`);
  }
  return hash.digest('hex');
}

/** By position; empty for engines that are processes. Throws EngineUnavailable. */
export function engineHashes(specs: readonly EngineSpec[]): string[] {
  return specs.map((spec) => (spec.kind === 'command' || spec.kind === 'kernel' ? '' : engineHash(spec)));
}
