/** `msrdiff show`: one divergence, with what decided in each engine and what does not matter. */
import type { Command } from 'commander';
import { Store } from '../store/store.ts';
import { databaseOption, jsonOption } from './options.ts';
import { vectorText } from './render.ts';

export function addShow(program: Command): void {
  program
    .command('show')
    .argument('<id>', 'a stored divergence, or the first digits of its id')
    .description('explain a divergence')
    .addOption(databaseOption())
    .addOption(jsonOption())
    .action(async (id: string, options: { database: string; json?: boolean }) => {
      const store = await Store.open(options.database, { readOnly: true });
      try {
        const found = await store.divergence(id);
        if (options.json) process.stdout.write(`${JSON.stringify(found)}\n`);
        else process.stdout.write(`${found.id} ${vectorText(found.kind, found.vector)}\n${found.scenario}\n`);
      } finally {
        await store.close();
      }
    });
}
