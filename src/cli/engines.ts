/** `msrdiff engines`: what there is to compare. */
import type { Command } from 'commander';
import { GENERATIONS, OPTIONS } from '../engines/history/generations.ts';
import { cacheFolder } from '../engines/kernel/cache.ts';
import { listKernels } from '../engines/kernel/kernel-store.ts';
import { type Availability, availability } from '../engines/kernel/machines.ts';
import { builtInNames, closeEngines, DEFAULT_ENGINES, engineSpecs, loadEngines } from '../engines/registry.ts';
import { KERNEL_PROFILES, NEWEST_PROFILE } from '../model/profile.ts';
import { commandOption, jsonOption, moduleOption } from './options.ts';
import { table } from './render.ts';

/** Listed even when they have not been fetched. */
const USUAL_VERSIONS = ['6.1', '6.12'];

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
      const kernels = kernelEngines();
      if (options.json) {
        const list = engines.map(({ name, capabilities }) => ({
          name,
          capabilities,
          default: DEFAULT_ENGINES.includes(name),
        }));
        const generations = GENERATIONS.map(({ name, title }) => ({ name, title }));
        process.stdout.write(`${JSON.stringify({ engines: list, kernels, profiles: KERNEL_PROFILES, generations })}\n`);
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
      const states = kernels.map((kernel) => [
        kernel.name,
        kernel.available ? 'available' : 'missing',
        kernel.available ? kernel.what : kernel.missing,
      ]);
      process.stdout.write(`${table([['real kernel', '', ''], ...states])}\n\n`);
      process.stdout.write(`${table([['profile', '', ''], ...profiles])}\n\n`);
      const generations = GENERATIONS.map(({ name, title }) => [name, title]);
      process.stdout.write(`${table([['generation (engine)', ''], ...generations])}\n\n`);
      const variants = OPTIONS.map(({ name, title, of }) => [`NAME.${name}`, title, optionOwners(of)]);
      process.stdout.write(`${table([['generation with option', '', 'for'], ...variants])}\n`);
    });
}

function optionOwners(of: RegExp): string {
  return GENERATIONS.flatMap(({ name }) => (of.test(name) ? [name] : [])).join(' ');
}

type KernelState = { readonly name: string; readonly what: string } & Availability;

/** This machine's kernel, and the stored and the usual ones on both emulated processors. */
function kernelEngines(): KernelState[] {
  const stored = listKernels(cacheFolder());
  const versions = [...new Set([...USUAL_VERSIONS, ...stored.map(({ version }) => version)])];
  versions.sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  const release = (version: string): string => stored.find((kernel) => kernel.version === version)?.release ?? version;
  return [
    { name: 'kvm', what: "this machine's /dev/kvm", ...availability('kvm') },
    ...versions.flatMap((version): KernelState[] => [
      {
        name: `kvm-svm@${version}`,
        what: `kvm_amd of Linux ${release(version)} in QEMU`,
        ...availability(`kvm-svm@${version}`),
      },
      {
        name: `kvm-vmx@${version}`,
        what: `kvm_intel of Linux ${release(version)} in Bochs`,
        ...availability(`kvm-vmx@${version}`),
      },
    ]),
  ];
}
