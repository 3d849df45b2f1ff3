/** Programs of the system that are run to completion. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { EngineUnavailable } from '../engine-unavailable.ts';

/** Debian packages that bring the programs. */
const PACKAGE_OF: Readonly<Record<string, string>> = {
  'qemu-system-x86_64': 'qemu-system-x86',
  bochs: 'bochs bochs-term bochsbios vgabios',
  cc: 'gcc libc6-dev',
  objcopy: 'binutils',
  xz: 'xz-utils',
  zstd: 'zstd',
  lz4: 'lz4',
  'apt-get': 'apt',
  'apt-cache': 'apt',
  'dpkg-deb': 'dpkg',
  mkfifo: 'coreutils',
};

/** Where the program is, or undefined. */
export function findTool(name: string): string | undefined {
  if (name.includes('/')) return isExecutable(name) ? name : undefined;
  return (process.env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The command that installs a program on Debian. */
export function installCommand(name: string): string {
  return `apt install ${PACKAGE_OF[name] ?? name}`;
}

export interface ToolOptions {
  readonly input?: Uint8Array;
  readonly folder?: string;
}

export interface ToolResult {
  readonly status: number;
  readonly output: Buffer;
  /** Standard error. */
  readonly errors: string;
}

const MAX_OUTPUT_BYTES = 512 << 20;

/** Runs a program and returns how it went. Throws EngineUnavailable if it is not there. */
export function tryTool(name: string, args: readonly string[], options: ToolOptions = {}): ToolResult {
  const result = spawnSync(name, args, {
    input: options.input,
    cwd: options.folder,
    env: { ...process.env, LC_ALL: 'C.UTF-8' },
    stdio: 'pipe',
    maxBuffer: MAX_OUTPUT_BYTES,
  });
  if (result.error) {
    const { code } = result.error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new EngineUnavailable(`${name} is not installed: ${installCommand(name)}`);
    // A program that does not read all of its input is judged by its status.
    if (code !== 'EPIPE') throw new EngineUnavailable(`${name} does not run (${code}): check its installation`);
  }
  return { status: result.status ?? -1, output: result.stdout, errors: result.stderr.toString() };
}

/** Runs a program that is to succeed and returns its standard output. Throws EngineUnavailable with its last words. */
export function runTool(name: string, args: readonly string[], options: ToolOptions = {}): Buffer {
  const { status, output, errors } = tryTool(name, args, options);
  if (status === 0) return output;
  const last = errors.trim().split('\n').at(-1);
  throw new EngineUnavailable(`${name} failed with status ${status}${last ? `: ${last}` : ''}`);
}
