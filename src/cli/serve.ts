/** `msrdiff serve`: the triage page, over a database that campaigns may be writing to. */
import { existsSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { DEFAULT_ENGINES, engineSpecs } from '../engines/registry.ts';
import { RunThread } from '../fuzz/run-thread.ts';
import { Exit } from '../model/exit.ts';
import { InputError } from '../model/input-error.ts';
import { Store } from '../store/store.ts';
import { SqliteCode, StoreError, sqliteCode } from '../store/store-error.ts';
import { hostValues, isLoopback, pageAddress } from '../web/addresses.ts';
import { createApp } from '../web/app.ts';
import { ChangeFeed } from '../web/change-feed.ts';
import { listen } from '../web/listen.ts';
import { loadPage } from '../web/static.ts';
import { collect, commandOption, databaseOption, moduleOption } from './options.ts';
import { VERSION } from './version.ts';

interface ServeOptions {
  readonly database: string;
  readonly host: string;
  readonly port: number;
  readonly token?: string;
  readonly allowHost?: string[];
  readonly readOnly?: boolean;
  readonly engineModule?: string[];
  readonly engineCommand?: string[];
}

const DEFAULT_PORT = 6174;
const MIN_TOKEN = 16;
/** Stand for every address of the machine, and are none that a browser can ask for. */
const ANY_ADDRESS: ReadonlySet<string> = new Set(['0.0.0.0', '::']);
/** Of the package, from dist/src/cli. */
const PAGE_FOLDER = fileURLToPath(new URL('../../web', import.meta.url));

export function addServe(program: Command): void {
  program
    .command('serve')
    .description('open a page to look through a database: http://127.0.0.1:6174/')
    .addOption(databaseOption())
    .option('--host <address>', 'address to listen on; any but this machine itself needs --token', '127.0.0.1')
    .option('--port <n>', 'port to listen on; 0: any that is free', portNumber, DEFAULT_PORT)
    .addOption(
      new Option('--token <text>', `what users must know, at least ${MIN_TOKEN} characters`).env('MSRDIFF_TOKEN'),
    )
    .addOption(new Option('--allow-host <name>', 'another name of this server (repeatable)').argParser(collect))
    .option('--read-only', 'nobody sets a status')
    .addOption(moduleOption())
    .addOption(commandOption())
    .action(serve);
}

function portNumber(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new InvalidArgumentError('Give a number from 0 to 65535.');
}

/** Until Ctrl-C. */
async function serve(options: ServeOptions): Promise<void> {
  const { database, host, port, token, allowHost: allowed = [], engineCommand: commands = [] } = options;
  checkAccess(host, token);
  const page = loadPage(PAGE_FOLDER);
  const engines = engineSpecs(DEFAULT_ENGINES, options.engineModule ?? [], commands);
  const { reader, writer } = await openStores(database, options.readOnly === true);
  const feed = new ChangeFeed(() => reader.dataVersion());
  const thread = new RunThread();
  const closeRest = async (): Promise<void> => {
    feed.close();
    await Promise.all([thread.close(), writer?.close(), reader.close()]);
  };
  try {
    const stopped = nextSignal();
    const server = await listen(host, port, (bound) => {
      const access = { hosts: hostValues({ host, port: bound, allowed }), token };
      const common = { version: VERSION, database, access, page, feed, thread, engines, commands };
      return createApp({ ...common, reader, writer });
    });
    process.stdout.write(`${pageAddress(host, server.port)}\n`);
    if (ANY_ADDRESS.has(host) && allowed.length === 0) {
      process.stderr.write(
        'msrdiff: others are refused by any name of this machine: name what they use by --allow-host\n',
      );
    }
    await stopped;
    feed.close();
    await server.close();
  } finally {
    await closeRest();
  }
  // What engines still do for an explanation is of no use to anybody.
  process.exit(Exit.OK);
}

function checkAccess(host: string, token: string | undefined): void {
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token)) {
    throw new InputError('--token: use letters, digits and other visible ASCII characters, without spaces');
  }
  if (token !== undefined && token.length < MIN_TOKEN) {
    throw new InputError(`--token has ${token.length} characters: give at least ${MIN_TOKEN}`);
  }
  if (token === undefined && !isLoopback(host)) {
    throw new InputError(`--host ${host} can be reached by others: add --token with at least ${MIN_TOKEN} characters`);
  }
}

/** Read by one connection, written by another: the reader is told of what the writer changes, too. */
async function openStores(path: string, readOnly: boolean): Promise<{ reader: Store; writer: Store | undefined }> {
  // Opening to write would make one.
  const isThere = existsSync(path) && statSync(path).size > 0;
  const writer = isThere && !readOnly ? await openWriter(path) : undefined;
  try {
    return { reader: await Store.open(path, { readOnly: true }), writer };
  } catch (error) {
    await writer?.close();
    throw error;
  }
}

async function openWriter(path: string): Promise<Store | undefined> {
  try {
    return await Store.open(path);
  } catch (error) {
    const code = error instanceof StoreError && error.cause !== undefined ? sqliteCode(error.cause) : undefined;
    if (code !== SqliteCode.READONLY && code !== SqliteCode.CANTOPEN) throw error;
    process.stderr.write(`msrdiff: database ${path} cannot be written: nobody sets a status, as with --read-only\n`);
    return undefined;
  }
}

function nextSignal(): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGINT', () => resolve()).once('SIGTERM', () => resolve());
  });
}
