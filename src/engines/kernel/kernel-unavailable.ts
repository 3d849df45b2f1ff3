import { EngineUnavailable } from '../engine-unavailable.ts';

/** A kernel, or a tool to run one with, that is not there. The message is one line: what, and how to mend it. */
export class KernelUnavailable extends EngineUnavailable {}
