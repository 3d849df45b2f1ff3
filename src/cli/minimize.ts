/** `msrdiff minimize`: the normal forms of what a scenario shows. */
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

/** Time limit of a minimization, in milliseconds. */
const MINIMIZE_TIMEOUT_MS = 120_000;

export function addMinimize(program: Command): void {
  const command = program
    .command('minimize')
    .argument('<id|file>', 'a scenario as JSON, or a stored divergence')
    .description('reduce a scenario to the normal form of each divergence in it: exit code 1 if there is one')
    .addOption(databaseOption())
    .addOption(enginesOption())
    .addOption(moduleOption())
    .addOption(commandOption())
    .addOption(new Option('--profile <name>', 'kernel whose rules apply (default: as stored)').argParser(profileValue))
    .addOption(jsonOption());
  for (const option of kernelOptions()) command.addOption(option);
  command.action(async (source: string, options: SourceOptions & { json?: boolean }) => {
    const request = await requestFor(source, options, 'minimize');
    const reply = await replayed(request, probeTimeout(request, MINIMIZE_TIMEOUT_MS));
    if (options.json) process.stdout.write(`${JSON.stringify({ ...reply, diverges: diverges(reply) })}\n`);
    else if (reply.kind === 'lost') process.stdout.write(`${findingLines(reply).join('\n')}\n`);
    else {
      const lines = findingLines(reply);
      for (const [i, { normalForm, id, evaluations, reliability }] of reply.findings.entries()) {
        process.stdout.write(`${lines[i]}\n`);
        if (normalForm === undefined) continue;
        process.stdout.write(
          `normal form ${id}, ${evaluations} evaluations, reproduces ${Math.round((reliability ?? 0) * 100)} %:\n`,
        );
        process.stdout.write(`${normalForm}\n`);
      }
      if (!diverges(reply)) process.stdout.write(`no divergence between ${reply.engines.join(', ')}\n`);
    }
    process.exitCode = diverges(reply) ? Exit.DIVERGED : Exit.OK;
  });
}
