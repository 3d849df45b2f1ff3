/** `msrdiff triage`: what people say of a divergence. */
import { userInfo } from 'node:os';
import { type Command, Option } from 'commander';
import { InputError } from '../model/input-error.ts';
import { STATUSES, type Status } from '../model/status.ts';
import { Store } from '../store/store.ts';
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
      const changes = options.status !== undefined || options.note !== '';
      const store = await Store.open(options.database, { readOnly: !changes });
      try {
        // Before the first is changed: all of them are there.
        const found = [];
        for (const id of ids) found.push(await store.divergence(id));
        for (const { id } of changes ? found : []) await store.setStatus(id, changeOf(options));
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

function changeOf({ status, note, author }: TriageOptions): { status?: Status; note: string; author: string } {
  return { ...(status === undefined ? {} : { status }), note, author: author ?? userName() };
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    throw new InputError('this user has no name: give one with --author');
  }
}
