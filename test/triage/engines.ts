/** Three engines with one mistake each, and the same engines mended: what somebody's own engine looks like. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** By name of the engine: the line that is wrong, and the right one. */
const MISTAKES = {
  'inclusive-end': ['index > end', 'index >= end'],
  'no-exemption': ['', 'if (index >= 0x800 && index <= 0x8ff) return true;'],
  'unnamed-denied': ['return false', 'continue'],
} as const;

export type PlantedEngine = keyof typeof MISTAKES;
export const PLANTED_ENGINES = Object.keys(MISTAKES) as PlantedEngine[];

/** Writes the engine's module, with its mistake or without, and returns its path. */
export function writeEngine(folder: string, name: PlantedEngine, mended: boolean): string {
  const line = (of: PlantedEngine): string => MISTAKES[of][of === name && !mended ? 0 : 1];
  const path = join(folder, `${name}.mjs`);
  writeFileSync(
    path,
    `export const name = '${name}';

export function allowed(filter, index, write) {
  if (filter === null) return true;
  ${line('no-exemption')}
  for (const { base, nmsrs, flags, bitmap } of filter.ranges) {
    const end = (base + nmsrs) >>> 0;
    if (index < base || ${line('inclusive-end')}) continue;
    if ((flags & (write ? 2 : 1)) === 0) ${line('unnamed-denied')};
    const bit = index - base;
    return ((bitmap[bit >> 3] >> (bit & 7)) & 1) === 1;
  }
  return filter.flags === 0;
}
`,
  );
  return path;
}
