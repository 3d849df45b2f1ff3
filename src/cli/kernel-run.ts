/** `msrdiff kernel run`: somebody's program, such as an exported reproducer, on a kernel of the cache. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { EngineUnavailable } from '../engines/engine-unavailable.ts';
import { closeEngines, engineSpecs, loadEngines } from '../engines/registry.ts';
import type { RemoteEngine } from '../engines/remote/remote-engine.ts';
import { catalogueBase } from '../model/catalogue.ts';
import { InputError } from '../model/input-error.ts';
import { NEWEST_PROFILE } from '../model/profile.ts';
import { type KernelCliOptions, kernelOptions, kernelOptionsOf, positiveNumber } from './options.ts';

const DEFAULT_SECONDS = 60;
/** Largest executable, in bytes: one frame of the engine protocol. */
const MAX_BYTES = 1 << 24;

interface RunOptions extends KernelCliOptions {
  readonly timeout: number;
}

export function addKernelRun(kernel: Command): void {
  const command = kernel
    .command('run')
    .argument('<engine>', 'kvm-svm@VERSION or kvm-vmx@VERSION')
    .argument('<program>', 'a C source, or a static executable')
    .description("run a program on an emulated machine with that kernel; exit code: the program's own")
    .option('--timeout <seconds>', 'how long the program may take', positiveNumber, DEFAULT_SECONDS);
  for (const option of kernelOptions()) command.addOption(option);
  command.action(async (name: string, program: string, options: RunOptions) => {
    const executable = program.endsWith('.c') ? compiled(program) : read(program);
    if (executable.length > MAX_BYTES) throw new InputError(`${program} is larger than 16 MiB: strip it`);
    const context = { timeoutMs: options.timeout * 1000 };
    const engines = await loadEngines(engineSpecs([name], [], [], kernelOptionsOf(options)), context);
    try {
      const engine = engines[0] as RemoteEngine;
      if (!engine.hello?.run) throw new EngineUnavailable(`${name} is not emulated: run the program itself`);
      const { status, output } = engine.createVm({ profile: NEWEST_PROFILE, base: catalogueBase() }).run(executable);
      process.stdout.write(output);
      if (status < 0)
        throw new InputError(`${program} cannot be run there (errno ${-status}): is it static, for x86-64?`);
      process.exitCode = status;
    } finally {
      closeEngines(engines);
    }
  });
}

function read(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new InputError(`${path} cannot be read (${(error as NodeJS.ErrnoException).code}): check the path`);
  }
}

function compiled(source: string): Uint8Array {
  read(source);
  const folder = mkdtempSync(join(tmpdir(), 'msrdiff-run-'));
  try {
    const output = join(folder, 'program');
    const { status, stderr, error } = spawnSync('cc', ['-O2', '-static', '-o', output, source], { encoding: 'utf8' });
    if (error) throw new EngineUnavailable('there is no C compiler (cc): apt-get install gcc libc6-dev');
    if (status !== 0) throw new InputError(`${source} does not compile: ${stderr.split('\n')[0]}`);
    return readFileSync(output);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
