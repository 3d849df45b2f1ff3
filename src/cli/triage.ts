/** `msrdiff triage`: what people say of a divergence. */
import { userInfo } from 'node:os';
import { type Command, Option } from 'commander';
import { InputError } from '../model/input-error.ts';
import { authorProblem, noteProblem, STATUSES, type Status } from '../model/status.ts';
import { Store } from '../store/store.ts';
import type { StatusChange } from '../store/triage.ts';
import { databaseOption, jsonOption } from './options.ts';
import { historyTable } from './render.ts';

interface TriageOptions {
  readonly database: string;
  readonly status?: Status;
  readonly note: string;
  readonly author?: string;
  readonly json?: boolean;
}

export function addTriage(program: Command): void {
  program
    .command('triage')
    .argument('<ids...>', 'stored divergences, or the first digits of their ids')
    .description('set the status of divergences, add a note, or see what was said of them')
    .addOption(new Option('--status <name>', 'what they are from now on').choices(STATUSES))
    .option('--note <text>', 'why', '')
    .option('--author <name>', 'who says so (default: your user name)')
    .addOption(databaseOption())
    .addOption(jsonOption())
    .action(async (ids: string[], options: TriageOptions) => {
      const change = changeOf(options);
      const store = await Store.open(options.database, { readOnly: !change });
      try {
        // Before the first is changed: all of them are there.
        const found = [];
        for (const id of ids) found.push(await store.divergence(id));
        for (const { id } of change ? found : []) await store.setStatus(id, change!);
        for (const { id } of found) {
          const { status, reopened } = await store.divergence(id);
          const history = await store.history(id);
          if (options.json) process.stdout.write(`${JSON.stringify({ id, status, reopened, history })}\n`);
          else process.stdout.write(`${id}  ${status}\n${historyTable(history)}`);
        }
      } finally {
        await store.close();
      }
    });
}

/** Undefined: nothing is to be changed. Throws InputError. */
function changeOf({ status, note: text, author: given }: TriageOptions): StatusChange | undefined {
  const note = text.trim();
  if (status === undefined && note === '') return undefined;
  const author = (given ?? userName()).trim();
  const problems = { '--note': noteProblem(note), '--author': authorProblem(author) };
  for (const [name, problem] of Object.entries(problems)) if (problem) throw new InputError(`${name}: ${problem}`);
  return { status, note, author };
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    throw new InputError('this user has no name: give one with --author');
  }
}
