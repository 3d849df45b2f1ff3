/** `msrdiff replay`: does it still diverge? */
import { type Command, Option } from 'commander';
import { probeTimeout } from '../fuzz/probe.ts';
import { Exit } from '../model/exit.ts';
import {
  commandOption,
  databaseOption,
  enginesOption,
  jsonOption,
  kernelOptions,
  moduleOption,
  profileValue,
} from './options.ts';
import { diverges, findingLines, replayed, requestFor, type SourceOptions } from './scenario-source.ts';

export function addReplay(program: Command): void {
  const command = program
    .command('replay')
    .argument('<id|file>', 'a stored divergence, or a scenario as JSON')
    .description('run a scenario again: exit code 1 while it diverges, 0 when it no longer does')
    .addOption(databaseOption())
    .addOption(enginesOption())
    .addOption(moduleOption())
    .addOption(commandOption())
    .addOption(new Option('--profile <name>', 'kernel whose rules apply (default: as stored)').argParser(profileValue))
    .addOption(jsonOption());
  for (const option of kernelOptions()) command.addOption(option);
  command.action(async (source: string, options: SourceOptions & { json?: boolean }) => {
    const request = await requestFor(source, options, 'replay');
    const reply = await replayed(request, probeTimeout(request));
    if (options.json) process.stdout.write(`${JSON.stringify({ ...reply, diverges: diverges(reply) })}\n`);
    else {
      const lines = findingLines(reply);
      if (reply.kind === 'done' && !diverges(reply)) lines.push(`no divergence between ${reply.engines.join(', ')}`);
      process.stdout.write(`${lines.join('\n')}\n`);
    }
    process.exitCode = diverges(reply) ? Exit.DIVERGED : Exit.OK;
  });
}
