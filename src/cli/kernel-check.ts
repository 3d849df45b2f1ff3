/** `msrdiff kernel check`: what a kernel's counters and its races say about the rules and the synthesized bitmaps. */
import { type Command, InvalidArgumentError } from 'commander';
import type { Engine } from '../engines/contract.ts';
import { EngineUnavailable } from '../engines/engine-unavailable.ts';
import type { KernelVm } from '../engines/kernel/kernel-vm.ts';
import { closeEngines, engineSpecs, loadEngines } from '../engines/registry.ts';
import { svm } from '../engines/svm.ts';
import { vmx } from '../engines/vmx.ts';
import { checkRaces, type RaceReport } from '../fuzz/race-check.ts';
import { checkRoutes, type RouteReport } from '../fuzz/route-check.ts';
import { BaseTable } from '../model/base.ts';
import { msrName } from '../model/catalogue.ts';
import { Exit } from '../model/exit.ts';
import { MSR_IA32_TSC_DEADLINE } from '../model/filter.ts';
import type { MeasuredKernel } from '../model/kernel.ts';
import { findProfile } from '../model/profile.ts';
import { AccessType, VERDICT_NAMES } from '../model/verdict.ts';
import { jsonOption, type KernelCliOptions, kernelOptions, kernelOptionsOf } from './options.ts';
import { table } from './render.ts';

const DEFAULT_STATES = 8;
const DEFAULT_RACES = 20;
/** Filter changes of one race. */
const ROUNDS = 200;
/** Differences that are listed. */
const MAX_LISTED = 20;

interface CheckOptions extends KernelCliOptions {
  readonly seed: number;
  readonly states: number;
  readonly races: number;
  readonly json?: boolean;
}

function count(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError('Give a whole number from 0 on.');
  return value;
}

export function addKernelCheck(kernel: Command): void {
  const command = kernel
    .command('check')
    .argument('<engine>', 'kvm, kvm-svm@VERSION or kvm-vmx@VERSION')
    .description(
      'compare the routes of accesses with the bitmaps that the model synthesizes, and race filter changes with a vCPU',
    )
    .option('--seed <n>', 'seed of filters and states', count, 1)
    .option('--states <n>', 'filter and APIC changes of each session', count, DEFAULT_STATES)
    .option('--races <n>', 'pairs of filters to race', count, DEFAULT_RACES)
    .addOption(jsonOption());
  for (const option of kernelOptions()) command.addOption(option);
  command.action(async (name: string, options: CheckOptions) => {
    process.exitCode = await check(name, options);
  });
}

async function check(name: string, options: CheckOptions): Promise<number> {
  const engines = await loadEngines(engineSpecs([name], [], [], kernelOptionsOf(options)));
  try {
    const engine = engines[0] as Engine;
    if (!engine.kernel)
      throw new EngineUnavailable(`${name} is no kernel: give kvm, kvm-svm@VERSION or kvm-vmx@VERSION`);
    const measured = engine.kernel.measure();
    const vm = engine.createVm({
      profile: findProfile(measured.profile)!,
      base: new BaseTable(measured.rows),
    }) as KernelVm;
    const model = { vmx, svm, none: undefined }[engine.kernel.vendor ?? 'none'];
    const routes = model && checkRoutes(vm, model, measured, { ...options, onProgress });
    const races = checkRaces(vm, engine.kernel.vendor ?? 'svm', measured, {
      seed: options.seed,
      races: options.races,
      rounds: ROUNDS,
      // The exit fastpath does not ask the filter: docs/findings.md.
      unfiltered: [[MSR_IA32_TSC_DEADLINE, AccessType.WRITE]],
    });
    const holds = (routes?.mismatches.length ?? 0) === 0 && races.violations.length === 0;
    if (options.json)
      process.stdout.write(`${JSON.stringify({ holds, kernel: measured, routes: routes ?? null, races })}\n`);
    else process.stdout.write(`${report(measured, routes, races)}\n`);
    return holds ? Exit.OK : Exit.DIVERGED;
  } finally {
    closeEngines(engines);
  }
}

function onProgress(done: number, of: number): void {
  if (process.stderr.isTTY) process.stderr.write(`\rroutes: state ${done} of ${of}${done === of ? '\n' : ''}`);
}

function report(kernel: MeasuredKernel, routes: RouteReport | undefined, races: RaceReport): string {
  const unsteady = kernel.unsteady.map(({ index, type, form }) => `${access(index, type)}${form ? ` (${form})` : ''}`);
  const rows = [
    ['kernel', kernel.description],
    ['rules', `profile ${kernel.profile}`],
    ['base', `${kernel.rows.length} MSRs that are not simply unknown; left out: ${unsteady.join(', ') || 'none'}`],
    [
      'routes',
      routes
        ? `${routes.probes} probes in ${routes.states} states of ${routes.sessions} sessions, ${routes.passed} passed through, ${routes.mismatches.length} not as predicted`
        : 'neither kvm_intel nor kvm_amd runs here: there are no hardware bitmaps to compare with',
    ],
    [
      'races',
      `${races.changes} filter changes in ${races.races} races, ${races.runs} runs of the batch; ${races.bothSeen} of ${races.contested} contested accesses met both filters, ${races.violations.length} a third result`,
    ],
  ];
  const lines = (routes?.mismatches ?? []).map(
    ({ session, state, step, index, type, predicted, exits }) =>
      `${session}, state ${state} (${step}): ${access(index, type)} predicted ${predicted}, ${exits} of 200 exited`,
  );
  for (const { race, index, type, allowed, seen } of races.violations) {
    lines.push(`race ${race}: ${access(index, type)} gave ${verdicts(seen)}; the filters allow ${verdicts(allowed)}`);
  }
  const more = lines.length > MAX_LISTED ? [`${lines.length - MAX_LISTED} more`] : [];
  return [table(rows), ...lines.slice(0, MAX_LISTED), ...more].join('\n');
}

function access(index: number, type: AccessType): string {
  const name = msrName(index);
  return `${type === AccessType.WRITE ? 'WRMSR' : 'RDMSR'} 0x${index.toString(16)}${name ? ` (${name})` : ''}`;
}

function verdicts(set: number): string {
  return VERDICT_NAMES.filter((_, bit) => (set & (1 << bit)) !== 0).join(' or ') || 'nothing';
}
