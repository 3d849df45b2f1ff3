/** Modules without what only slows down loading them. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LoadedModule } from './module-tree.ts';
import { findTool, tryTool } from './tool.ts';

/**
 * Type information, tables for unwinding the stack and for function tracing: a kernel sorts and checks them when it
 * loads a module, and nothing here uses them. With the symbols that only name things, which it goes through for every
 * traced function, they are nine tenths of what loading kvm takes.
 */
const UNUSED_SECTIONS = ['.BTF', '.orc_unwind', '.orc_unwind_ip', '__mcount_loc'];

/** Leaves code and data as they are. Where objcopy is missing or refuses, the module stays whole. */
export function slimModule({ name, content }: LoadedModule, temporary: string): LoadedModule {
  if (!findTool('objcopy')) return { name, content };
  const path = join(temporary, `${name}.ko`);
  writeFileSync(path, content);
  const sections = UNUSED_SECTIONS.map((section) => `--remove-section=${section}`);
  const { status } = tryTool('objcopy', ['--strip-unneeded', ...sections, path]);
  return { name, content: status === 0 ? readFileSync(path) : content };
}
