/** Commands as a POSIX shell takes them. */
import type { EngineSpec } from '../engines/registry.ts';

/** The text as one word. */
export function quoted(text: string): string {
  return /^[\w./:=@%+,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** The options of `msrdiff` that give the engines again. */
export function engineOptions(specs: readonly EngineSpec[]): string[] {
  const names = specs.flatMap((spec) => ('name' in spec ? [spec.name] : []));
  const options = names.length === 0 ? [] : [`--engines ${quoted(names.join(','))}`];
  for (const spec of specs) {
    if (spec.kind === 'module') options.push(`--engine-module ${quoted(spec.path)}`);
    else if (spec.kind === 'command') options.push(commandOption(spec.command));
  }
  const kernel = specs.find((spec) => spec.kind === 'kernel');
  if (!kernel) return options;
  const { kernelImage, modules, moduleParameters = {}, guestMode } = kernel.options;
  if (kernelImage !== undefined) options.push(`--kernel-image ${quoted(kernelImage)}`);
  if (modules !== undefined) options.push(`--modules ${quoted(modules)}`);
  for (const [module, text] of Object.entries(moduleParameters)) {
    options.push(`--module-parameters ${quoted(`${module} ${text}`)}`);
  }
  if (guestMode !== undefined && guestMode !== 'long') options.push(`--guest-mode ${quoted(guestMode)}`);
  return options;
}

export function commandOption(command: string): string {
  return `--engine-command ${quoted(command)}`;
}
