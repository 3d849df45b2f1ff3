/** One run of the command line as a step of a night: what its end means. */
import { Exit } from '../../model/exit.ts';
import type { Budget } from '../budget.ts';
import type { ChildResult, Children } from '../child.ts';
import type { NightSettings } from '../config.ts';
import type { NightEngines } from '../define-config.ts';
import type { StepKind, StepReport, StepState } from '../report.ts';

export interface StepContext {
  readonly children: Children;
  readonly settings: NightSettings;
  /** Told of each step as it ends, with the end of its standard error. */
  readonly tell: (step: StepReport, stderr: string) => void;
}

export interface StepRun {
  readonly report: StepReport;
  /** What `--json` printed; null if it did not come to that. */
  readonly json: unknown;
}

const MESSAGE_LENGTH = 500;

const STATES: Readonly<Record<number, StepState>> = {
  [Exit.OK]: 'done',
  [Exit.DIVERGED]: 'found',
  [Exit.USAGE]: 'refused',
  [Exit.ENGINE_UNAVAILABLE]: 'unavailable',
  [Exit.UNFINISHED]: 'unfinished',
  [Exit.INTERRUPTED]: 'interrupted',
};

/**
 * @param limitSeconds beyond which it is killed
 * @param command as the user would give it: without `--json`
 */
export async function runStep(
  { children, tell }: StepContext,
  kind: StepKind,
  name: string,
  command: readonly string[],
  limitSeconds: number,
): Promise<StepRun> {
  const result = await children.run([...command, '--json'], limitSeconds);
  const json = lastJson(result.stdout);
  const state = stateOf(result, json, children.interrupted);
  const report: StepReport = {
    ...{ kind, name, state, code: result.code, command },
    seconds: Math.round(result.seconds * 1000) / 1000,
    message: messageOf(result, state, limitSeconds),
  };
  tell(report, result.stderr);
  return { report, json };
}

/** A step whose turn did not come. */
export function skipped(
  { children, tell }: StepContext,
  kind: StepKind,
  name: string,
  command: readonly string[],
): StepReport {
  const message = children.interrupted ? 'interrupted before' : 'no time was left';
  const report: StepReport = { ...{ kind, name, state: 'skipped', code: null, command }, seconds: 0, message };
  tell(report, '');
  return report;
}

export function mayStart({ children }: StepContext, budget: Budget): boolean {
  return !children.interrupted && budget.left() > 0;
}

/** Options for engines; `one`: the name of the option that takes a single built-in engine, if it does. */
export function engineOptions(
  { engines = [], engineModules = [], engineCommands = [] }: NightEngines,
  one?: string,
): string[] {
  const named =
    one === undefined
      ? engines.length > 0
        ? ['--engines', engines.join(',')]
        : []
      : engines.flatMap((name) => [one, name]);
  return [
    ...named,
    ...engineModules.flatMap((path) => ['--engine-module', path]),
    ...engineCommands.flatMap((command) => ['--engine-command', command]),
  ];
}

function stateOf({ code, overran }: ChildResult, json: unknown, interrupted: boolean): StepState {
  if (interrupted && (code === null || code === Exit.INTERRUPTED)) return 'interrupted';
  if (overran) return 'hung';
  const state = code === null ? undefined : STATES[code];
  // Who says "done" and does not say what has died half-way.
  if (state === undefined || ((state === 'done' || state === 'found') && json === null)) return 'crashed';
  return state === 'interrupted' ? 'crashed' : state;
}

function messageOf({ code, signal, stderr }: ChildResult, state: StepState, limitSeconds: number): string {
  if (state === 'done' || state === 'found') return '';
  if (state === 'hung') return `no end within ${Math.round(limitSeconds)} s: stopped`;
  // Lines of progress go to standard error as well.
  const lines = stderr.split('\n').map((line) => line.trim());
  const said = lines.findLast((line) => line.startsWith('msrdiff: '))?.slice('msrdiff: '.length);
  const last = lines.findLast((line) => line !== '' && !line.startsWith('at '));
  const end = code === null ? `ended by ${signal}` : `exit code ${code}`;
  const text = said ?? (state === 'crashed' && last ? `${end}: ${last}` : state === 'crashed' ? end : '');
  return text.slice(0, MESSAGE_LENGTH);
}

function lastJson(stdout: string): unknown {
  const text = stdout.trimEnd();
  try {
    return JSON.parse(text.slice(text.lastIndexOf('\n') + 1));
  } catch {
    return null;
  }
}
