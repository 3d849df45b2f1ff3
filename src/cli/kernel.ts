/** `msrdiff kernel`: kernels to use as engines. */
import type { Command } from 'commander';
import { addKernelCheck } from './kernel-check.ts';
import { addKernelFetch } from './kernel-fetch.ts';
import { addKernelBuild, addKernelList } from './kernel-list.ts';
import { addKernelRun } from './kernel-run.ts';

export function addKernel(program: Command): void {
  const kernel = program.command('kernel').description('kernels to use as engines: get, build, list and check them');
  for (const add of [addKernelFetch, addKernelBuild, addKernelList, addKernelCheck]) add(kernel);
  addKernelRun(kernel);
}
