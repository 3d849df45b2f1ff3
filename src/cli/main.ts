#!/usr/bin/env node
/** The command line: parses arguments, runs a command, turns errors into one line and an exit code. */
import { Command, CommanderError } from 'commander';
import { Exit } from '../model/exit.ts';
import { addBuilders } from './builders.ts';
import { addChangelog } from './changelog.ts';
import { addCanonicalize, addCompile } from './compile.ts';
import { addConform } from './conform.ts';
import { addDiff } from './diff.ts';
import { addDoctor } from './doctor.ts';
import { addEngines } from './engines.ts';
import { addExplain } from './explain.ts';
import { addExport } from './export.ts';
import { addFuzz } from './fuzz.ts';
import { addImport } from './import.ts';
import { addInit } from './init.ts';
import { addKernel } from './kernel.ts';
import { addLint } from './lint.ts';
import { addList } from './list.ts';
import { addMinimize } from './minimize.ts';
import { addNightly } from './nightly.ts';
import { addProve } from './prove.ts';
import { addReplay } from './replay.ts';
import { addServe } from './serve.ts';
import { addShow } from './show.ts';
import { addTriage } from './triage.ts';
import { VERSION } from './version.ts';
import { addWorker } from './worker.ts';

/** Error codes of ours that say that the input is wrong. */
const INPUT_CODES: ReadonlySet<string> = new Set(['MSRDIFF_INPUT', 'MSRDIFF_STORE']);

function build(): Command {
  const program = new Command('msrdiff')
    .description('Differential fuzzing harness for KVM MSR-filter engines')
    .version(VERSION)
    .exitOverride()
    .showHelpAfterError('(see msrdiff --help)')
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'msrdiff: ')) });
  const commands = [addFuzz, addWorker, addList, addShow, addTriage, addReplay, addMinimize, addExport, addServe];
  const filters = [addExplain, addLint, addDiff, addCompile, addCanonicalize, addImport, addBuilders];
  const others = [addProve, addConform, addChangelog, addNightly, addInit, addEngines, addKernel, addDoctor];
  for (const add of [...commands, ...filters, ...others]) add(program);
  for (const command of program.commands) command.exitOverride();
  return program;
}

function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? Exit.OK : Exit.USAGE;
  const { code, message } = error as { code?: string; message?: string };
  if (code === 'EPIPE') return Exit.OK;
  const text = String(message ?? error).split('\n')[0];
  if (code === 'MSRDIFF_ENGINE' || code === 'MSRDIFF_QUEUE') {
    process.stderr.write(`msrdiff: ${text}\n`);
    return Exit.ENGINE_UNAVAILABLE;
  }
  if (code !== undefined && INPUT_CODES.has(code)) {
    process.stderr.write(`msrdiff: ${text}\n`);
    return Exit.USAGE;
  }
  process.stderr.write(`msrdiff: internal error: ${text} (please report it; MSRDIFF_DEBUG=1 shows where)\n`);
  if (process.env.MSRDIFF_DEBUG) process.stderr.write(`${(error as Error).stack}\n`);
  return Exit.INTERNAL;
}

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // A reader such as head(1) that has seen enough.
  if (error.code === 'EPIPE') process.exit(Exit.OK);
  throw error;
});

try {
  await build().parseAsync();
} catch (error) {
  process.exitCode = exitCodeOf(error);
}
