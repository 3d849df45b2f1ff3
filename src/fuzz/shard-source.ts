/** Where the shards of a campaign are run: in threads of this process, or by the workers of a queue. */
import type { ShardExecutor } from './campaign.ts';
import type { LoadedEngines } from './pool.ts';

export interface ShardSource {
  /** The engines, loaded, and the kernels among them, measured. Throws EngineUnavailable. */
  load(): Promise<LoadedEngines>;
  readonly run: ShardExecutor;
  /** The campaign is to end: shards that have not begun are called off. Without it, all that were asked for are run. */
  cancel?(): void;
  close(): Promise<void>;
}
