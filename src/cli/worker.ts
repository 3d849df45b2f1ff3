/** `msrdiff worker`: runs shards of the campaigns on a queue. */
import { randomBytes } from 'node:crypto';
import { availableParallelism, hostname } from 'node:os';
import type { Command } from 'commander';
import { engineSpecs } from '../engines/registry.ts';
import { Exit } from '../model/exit.ts';
import { InputError } from '../model/input-error.ts';
import { runWorker } from '../queue/worker.ts';
import {
  commandOption,
  type KernelCliOptions,
  kernelOptions,
  kernelOptionsOf,
  moduleOption,
  positiveInteger,
  positiveNumber,
  queueOption,
} from './options.ts';
import { line } from './render.ts';
import { StatusLine } from './status-line.ts';
import { StopSignals } from './stop-signals.ts';
import { VERSION } from './version.ts';

interface WorkerOptions extends KernelCliOptions {
  readonly queue?: string;
  readonly workers: number;
  readonly name?: string;
  readonly engineModule?: string[];
  readonly engineCommand?: string[];
  readonly kernels: boolean;
  readonly exitWhenIdle?: number;
}

export function addWorker(program: Command): void {
  const command = program
    .command('worker')
    .description('run shards of the campaigns on a queue ("msrdiff fuzz --queue"), until told to stop')
    .addOption(queueOption('where the campaigns are, such as redis://HOST:PORT'))
    .option('--workers <n>', 'worker threads', positiveInteger, availableParallelism())
    .option('--name <name>', 'what to call this worker (default: host name and a random number)')
    .addOption(moduleOption())
    .addOption(commandOption())
    .option('--no-kernels', 'leave shards that need real kernels to other workers')
    .option('--exit-when-idle <seconds>', 'end if there has been no campaign for so long', positiveNumber);
  for (const option of kernelOptions().filter(({ long }) => long === '--kernel-image' || long === '--modules')) {
    command.addOption(option);
  }
  command.action(async (options: WorkerOptions) => {
    process.exitCode = await work(options);
  });
}

async function work(options: WorkerOptions): Promise<number> {
  if (options.queue === undefined) throw new InputError('msrdiff worker needs a queue: give --queue redis://HOST:PORT');
  const name = options.name ?? `${hostname()}-${randomBytes(3).toString('hex')}`;
  const progress = new StatusLine(process.stderr);
  const say = (text: string): void => {
    progress.done();
    process.stdout.write(`${line(text)}\n`);
  };
  const signals = new StopSignals();
  signals.signal.addEventListener('abort', () =>
    say('finishing the shards at hand; once more to leave them to others'),
  );
  const means = {
    ...{ name, version: VERSION, threads: options.workers, kernels: options.kernels },
    modules: engineSpecs([], options.engineModule ?? []),
    commands: options.engineCommand ?? [],
    kernelOptions: kernelOptionsOf(options),
  };
  const idleSeconds = options.exitWhenIdle ?? Number.POSITIVE_INFINITY;
  say(`worker ${name}: ${options.workers} threads`);
  const onProgress = (label: string, shards: number): void => progress.update(() => `${label}: ${shards} shards`);
  const shards = await runWorker(options.queue, { means, idleSeconds, onNotice: say, onProgress }, signals.signal);
  progress.done();
  say(`worker ${name}: ${shards} shards done`);
  signals.close();
  return Exit.OK;
}
