/** `msrdiff kernel list` and `msrdiff kernel build`: what is in the cache, and making what engines need of it. */
import type { Command } from 'commander';
import { buildHelper } from '../engines/kernel/build-native.ts';
import { cacheFolder } from '../engines/kernel/cache.ts';
import { listKernels } from '../engines/kernel/kernel-store.ts';
import { availability, kernelLaunch } from '../engines/kernel/machines.ts';
import { neededTools } from '../engines/kernel/tools-needed.ts';
import { kernelTable } from './kernel-fetch.ts';
import { jsonOption } from './options.ts';
import { table } from './render.ts';

export function addKernelList(kernel: Command): void {
  kernel
    .command('list')
    .description('list fetched kernels, and the programs that running them takes')
    .addOption(jsonOption())
    .action((options: { json?: boolean }) => {
      const folder = cacheFolder();
      const kernels = listKernels(folder);
      const tools = neededTools();
      if (options.json) {
        process.stdout.write(`${JSON.stringify({ folder, kernels, tools })}\n`);
        return;
      }
      const rows = tools.map(({ name, purpose, installed, install }) => [name, installed ? 'ok' : install, purpose]);
      const fetched = kernels.length > 0 ? kernelTable(kernels) : 'no kernels: msrdiff kernel fetch 6.1 6.12';
      process.stdout.write(`${fetched}\n\n${table([['program', '', 'for'], ...rows])}\n\ncache ${folder}\n`);
    });
}

export function addKernelBuild(kernel: Command): void {
  kernel
    .command('build')
    .description('compile the helper and make the boot images of fetched kernels, as engines do on first use')
    .addOption(jsonOption())
    .action((options: { json?: boolean }) => {
      const cache = cacheFolder();
      const helper = buildHelper(cache);
      const names = listKernels(cache).flatMap(({ version }) => [`kvm-svm@${version}`, `kvm-vmx@${version}`]);
      const engines = names.map((name) => {
        const state = availability(name);
        if (state.available) kernelLaunch(name);
        return { name, ...state };
      });
      if (options.json) {
        process.stdout.write(`${JSON.stringify({ helper, engines })}\n`);
        return;
      }
      const rows = engines.map((engine) => [engine.name, engine.available ? 'ready' : engine.missing]);
      process.stdout.write(`${table([['helper', helper], ...rows])}\n`);
    });
}
