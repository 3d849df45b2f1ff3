/** All kinds of faults. */
import type { FaultKind } from './kind.ts';
import { CLOCKS } from './kinds/clock.ts';
import { DATABASES } from './kinds/database.ts';
import { DISKS } from './kinds/disk.ts';
import { ENGINE_PROCESSES } from './kinds/engine-process.ts';
import { HALF_WRITTEN } from './kinds/half-written.ts';
import { MODULES } from './kinds/module.ts';
import { QUEUES } from './kinds/queue.ts';
import { SIGNALS } from './kinds/signals.ts';

export const FAULT_KINDS: readonly FaultKind[] = [
  ...SIGNALS,
  ...MODULES,
  ...ENGINE_PROCESSES,
  ...DISKS,
  ...DATABASES,
  ...HALF_WRITTEN,
  ...CLOCKS,
  ...QUEUES,
];
