/** `msrdiff builders`: what the code that makes filters of policies loses. */
import { randomInt } from 'node:crypto';
import type { Command } from 'commander';
import { BUILT_IN_BUILDERS } from '../filters/builders/built-in.ts';
import { type BuilderFinding, buildersFindings } from '../filters/builders/findings.ts';
import { loadBuilder } from '../filters/builders/load-builder.ts';
import { textOf } from '../filters/formats/read.ts';
import type { Policy } from '../filters/policy/policy.ts';
import { formatPolicy, parsePolicy } from '../filters/policy/policy-json.ts';
import { randomPolicy } from '../filters/policy/random-policy.ts';
import { readSmallFile } from '../filters/read-filter.ts';
import { Random } from '../fuzz/random.ts';
import { Exit } from '../model/exit.ts';
import { InputError } from '../model/input-error.ts';
import { parseJsonText } from '../model/json-text.ts';
import type { KernelProfile } from '../model/profile.ts';
import { changesJson, changeTable } from './change-table.ts';
import { collect, jsonOption, positiveInteger, profileOption, seedValue } from './options.ts';

interface BuildersOptions {
  readonly random?: number;
  readonly seed?: bigint;
  readonly module?: string[];
  readonly profile: KernelProfile;
  readonly json?: boolean;
}

export function addBuilders(program: Command): void {
  program
    .command('builders')
    .argument('[policy]', 'JSON: docs/filters-diff.md')
    .description(
      "what VMMs' filter builders lose of a policy, each with the smallest policy that shows it: exit code 1 if any",
    )
    .option('--random <n>', 'n random policies instead', positiveInteger)
    .option('--seed <n>', 'of random policies, u64 (default: random)', seedValue)
    .option(
      '--module <file>',
      'a builder of your own instead of the built-in ones (repeatable): docs/builders.md',
      collect,
    )
    .addOption(profileOption())
    .addOption(jsonOption())
    .action(async (path: string | undefined, options: BuildersOptions) => {
      process.exitCode = await run(path, options);
    });
}

async function run(path: string | undefined, options: BuildersOptions): Promise<Exit> {
  const { random, module: modules = [], profile, json } = options;
  if ((path === undefined) === (random === undefined)) throw new InputError('give a policy, or --random N');
  const seed = options.seed ?? BigInt(randomInt(2 ** 32));
  const builders = modules.length === 0 ? BUILT_IN_BUILDERS : await Promise.all(modules.map(loadBuilder));
  const policies = path === undefined ? randomPolicies(random!, seed) : [readPolicy(path)];
  const findings = buildersFindings(builders, policies, profile);
  if (json) process.stdout.write(`${JSON.stringify(document(findings, path === undefined ? seed : undefined))}\n`);
  else {
    const what = path ?? `${random} random policies, seed ${seed}`;
    process.stdout.write(`${what}; ${builders.map(({ name }) => name).join(', ')}\n`);
    for (const finding of findings) process.stdout.write(`\n${findingText(finding)}`);
    if (findings.length === 0) process.stdout.write('nothing is lost\n');
  }
  return findings.length === 0 ? Exit.OK : Exit.DIVERGED;
}

function readPolicy(path: string): Policy {
  return parsePolicy(parseJsonText(textOf(readSmallFile(path), path), path), path);
}

function randomPolicies(count: number, seed: bigint): Policy[] {
  const [low, high] = [Number(seed & 0xffff_ffffn), Number(seed >> 32n)];
  return Array.from({ length: count }, (_, number) => randomPolicy(new Random(low, high, number)));
}

/** Ranges of accesses that are listed for one finding; JSON has all. */
const MAX_LISTED = 8;

function findingText({ builder, loss, policy, seen }: BuilderFinding): string {
  const listed = loss.changes.slice(0, MAX_LISTED);
  const more = loss.changes.length - listed.length;
  const lines = [
    `${builder}: ${loss.kind}, by ${seen} ${seen === 1 ? 'policy' : 'policies'}: ${loss.what}`,
    ...(listed.length === 0 ? [] : [changeTable(listed, 'decisions')]),
    ...(more > 0 ? [`and ${more} more ranges of indices`] : []),
    'the smallest policy that shows it:',
  ];
  return `${lines.join('\n')}\n${formatPolicy(policy)}`;
}

function document(findings: readonly BuilderFinding[], seed: bigint | undefined): Record<string, unknown> {
  return {
    ...(seed === undefined ? {} : { seed: String(seed) }),
    findings: findings.map(({ builder, loss, policy, seen }) => ({
      builder,
      kind: loss.kind,
      what: loss.what,
      changes: changesJson(loss.changes, 'decisions'),
      policy: JSON.parse(formatPolicy(policy)),
      seen,
    })),
  };
}
