/** The rivals in C (bench/c): built with cc into a temporary folder, each a process that waits for its turn. */
import { type ChildProcessByStdio, execFileSync, spawn } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

const SOURCES = new URL('../../bench/c/', import.meta.url).pathname;

export const LEVELS = { '-O2': ['-O2'], '-O3 native': ['-O3', '-march=native'] } as const;
export type Level = keyof typeof LEVELS;

/** The version of the compiler. Throws where there is none. */
export function compilerVersion(): string {
  try {
    return execFileSync('cc', ['--version'], { encoding: 'utf8' }).split('\n')[0]!;
  } catch {
    throw new Error('the bench needs a C compiler, and there is no cc: apt-get install gcc libc6-dev');
  }
}

function build(program: string, level: Level, sources: readonly string[], options: readonly string[]): string {
  const files = sources.map((source) => join(SOURCES, source));
  execFileSync('cc', [...LEVELS[level], '-std=gnu11', ...options, '-o', program, ...files], { stdio: 'inherit' });
  return program;
}

/** The differential fuzz loop. */
export function buildFuzzLoop(folder: string, level: Level): string {
  return build(join(folder, `fuzz${level.replaceAll(' ', '')}`), level, ['fuzz.c', 'scan.c', 'pages.c'], []);
}

/** Nanoseconds of all compiles and of all lookups of what is loaded. */
export interface Timing {
  readonly compile: number;
  readonly lookup: number;
}

export type Structure = 'scan' | 'pages' | 'sorted' | 'stream';

export class CRival {
  readonly name: string;
  private readonly folder: string;
  private readonly child: ChildProcessByStdio<Writable, Readable, null>;
  private readonly lines: AsyncIterator<string>;

  constructor(folder: string, structure: Structure, level: Level) {
    this.name = `C ${structure} ${level}`;
    this.folder = folder;
    const program = join(folder, this.name.replaceAll(' ', '-'));
    build(program, level, ['harness.c', `${structure}.c`], [`-DRIVAL=${structure}`]);
    this.child = spawn(program, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  }

  /** Takes a file of `encodeWorkloads`. */
  async load(path: string): Promise<void> {
    await this.ask(`load ${path}`);
  }

  async run(): Promise<Timing> {
    const [compile, lookup] = (await this.ask('run')).split(' ').map(Number);
    return { compile: compile!, lookup: lookup! };
  }

  /** 1 allowed, 0 denied, by access, one batch after the other. */
  async answers(): Promise<Uint8Array> {
    const path = join(this.folder, 'answers');
    await this.run();
    await this.ask(`answer ${path}`);
    const answers = readFileSync(path);
    rmSync(path);
    return answers;
  }

  close(): void {
    this.child.stdin.end();
  }

  private async ask(request: string): Promise<string> {
    this.child.stdin.write(`${request}\n`);
    const { value, done } = await this.lines.next();
    if (done) throw new Error(`${this.name} ended on "${request}"`);
    return value;
  }
}
