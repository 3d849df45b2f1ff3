/** `msrdiff conform --record`: new ground truth from a kernel. */
import { writeFileSync } from 'node:fs';
import { EngineUnavailable } from '../engines/engine-unavailable.ts';
import { closeEngines, engineSpecs, loadEngines } from '../engines/registry.ts';
import { recordGroundTruth } from '../fuzz/record.ts';
import { InputError } from '../model/input-error.ts';
import { APIC_MODE_NAMES, type ApicMode } from '../model/scenario.ts';
import { type KernelCliOptions, kernelOptionsOf } from './options.ts';

export interface RecordCliOptions extends KernelCliOptions {
  readonly record: string;
  readonly out?: string;
  readonly cases: number;
  readonly seed: bigint;
  readonly apic: (typeof APIC_MODE_NAMES)[number];
  readonly path: 'direct' | 'emulator';
}

/** Accesses of each event. */
const ACCESSES = 16;

export async function record(options: RecordCliOptions): Promise<void> {
  const { out, path } = options;
  if (out === undefined) throw new InputError('--record needs --out FILE, the file to write');
  if (!out.endsWith('.jsonl.gz')) throw new InputError(`--out ${out}: recordings are named *.jsonl.gz`);
  if (options.seed > BigInt(Number.MAX_SAFE_INTEGER)) throw new InputError('--seed of a recording is at most 2^53 - 1');
  const engines = await loadEngines(engineSpecs([options.record], [], [], kernelOptionsOf(options)));
  try {
    const engine = engines[0]!;
    if (!engine.kernel)
      throw new EngineUnavailable(`${engine.name} is no kernel: record kvm, kvm-svm@... or kvm-vmx@...`);
    if (path === 'emulator' && !engine.capabilities.forms?.includes('emulator')) {
      throw new EngineUnavailable(`${engine.name} does not take the forced emulation prefix: record --path direct`);
    }
    const kernel = engine.kernel.measure();
    const bytes = recordGroundTruth(engine, kernel, {
      seed: Number(options.seed),
      cases: options.cases,
      apic: APIC_MODE_NAMES.indexOf(options.apic) as ApicMode,
      path,
      accesses: ACCESSES,
    });
    try {
      writeFileSync(out, bytes);
    } catch (error) {
      throw new InputError(`${out} cannot be written (${(error as NodeJS.ErrnoException).code}): check the path`);
    }
    process.stdout.write(`${out}: ${options.cases} cases of ${kernel.description}\n`);
  } finally {
    closeEngines(engines);
  }
}
