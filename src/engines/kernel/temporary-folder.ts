/** Temporary folders whose names tell whose they are, so that what a killed process left is recognized and removed. */
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const PREFIX = 'msrdiff';

/** Process ids mean something in their own namespace only; containers may share a folder of temporary files. */
function pidNamespace(): string {
  try {
    return /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '0';
  } catch {
    return '0';
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** Makes an empty folder below `parent`, readable for the owner only, and removes those of processes that are gone. */
export function createTemporaryFolder(parent: string, label: string): string {
  const prefix = `.${PREFIX}-${label}-${pidNamespace()}-`;
  for (const name of readdirSync(parent)) {
    if (!name.startsWith(prefix)) continue;
    const pid = Number.parseInt(name.slice(prefix.length), 10);
    if (pid > 0 && !isAlive(pid)) {
      try {
        rmSync(join(parent, name), { recursive: true, force: true });
      } catch {
        // Another user's.
      }
    }
  }
  return mkdtempSync(join(parent, `${prefix}${process.pid}-`));
}
