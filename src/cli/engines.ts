/** `msrdiff engines`: what there is to compare. */
import type { Command } from 'commander';
import { builtInNames, closeEngines, DEFAULT_ENGINES, engineSpecs, loadEngines } from '../engines/registry.ts';
import { KERNEL_PROFILES, NEWEST_PROFILE } from '../model/profile.ts';
import { commandOption, jsonOption, moduleOption } from './options.ts';
import { table } from './render.ts';

export function addEngines(program: Command): void {
  program
    .command('engines')
    .description('list engines, what they can run, and kernel profiles')
    .addOption(moduleOption())
    .addOption(commandOption())
    .addOption(jsonOption())
    .action(async (options: { engineModule?: string[]; engineCommand?: string[]; json?: boolean }) => {
      const { engineModule, engineCommand } = options;
      const engines = await loadEngines(engineSpecs(builtInNames(), engineModule ?? [], engineCommand));
      // What they are is all that is asked of them.
      closeEngines(engines);
      if (options.json) {
        const list = engines.map(({ name, capabilities }) => ({
          name,
          capabilities,
          default: DEFAULT_ENGINES.includes(name),
        }));
        process.stdout.write(`${JSON.stringify({ engines: list, profiles: KERNEL_PROFILES })}\n`);
        return;
      }
      const rows = engines.map(({ name, capabilities: { events, forms, bitmap } }) => [
        name,
        DEFAULT_ENGINES.includes(name) ? 'default' : '',
        events.join(' '),
        (forms ?? ['native']).join(' '),
        bitmap ? `${bitmap} bitmap` : '',
      ]);
      const profiles = KERNEL_PROFILES.map(({ id, title }) => [id, id === NEWEST_PROFILE.id ? 'default' : '', title]);
      process.stdout.write(`${table([['engine', '', 'events', 'access forms', ''], ...rows])}\n\n`);
      process.stdout.write(`${table([['profile', '', ''], ...profiles])}\n`);
    });
}
