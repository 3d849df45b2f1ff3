/** Worker thread of a channel: the bridge to an engine's process. */
import { workerData } from 'node:worker_threads';
import { Bridge, type BridgeData } from '../src/engines/remote/bridge.ts';

new Bridge(workerData as BridgeData);
