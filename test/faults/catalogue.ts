/** All kinds of faults. */
import type { FaultKind } from './kind.ts';
import { MODULES } from './kinds/module.ts';
import { SIGNALS } from './kinds/signals.ts';

export const FAULT_KINDS: readonly FaultKind[] = [...SIGNALS, ...MODULES];
