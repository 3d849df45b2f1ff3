/** The page's files, read once: what is asked for later is looked up by name, never opened by it. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import type { Context } from 'hono';
import { getMimeType } from 'hono/utils/mime';
import { InputError } from '../model/input-error.ts';
import { refusal } from './problem.ts';

interface PageFile {
  readonly type: string;
  /** Of its content, in letters and digits. */
  readonly hash: string;
  readonly cacheControl: string;
  /** By content coding, the best first; `identity` is always there. */
  readonly bodies: readonly (readonly [coding: string, bytes: Uint8Array<ArrayBuffer>])[];
}

/** By path, as `/assets/main-1a2b3c4d.js`. */
export type Page = ReadonlyMap<string, PageFile>;

const INDEX = '/index.html';
/** Smaller ones fit in one packet as they are. */
const COMPRESS_FROM_BYTES = 1024;
const TEXT = /^(text\/|image\/svg|application\/(json|javascript|manifest))/;
/** Vite names what is in there by its content. */
const HASHED = /^\/assets\//;
const FOREVER = 'public, max-age=31536000, immutable';

/** Throws InputError if the page has not been built. */
export function loadPage(folder: string): Page {
  let names: string[];
  try {
    names = filesOf(folder);
  } catch (error) {
    throw notBuilt(folder, error);
  }
  const page = new Map(names.map((name) => [`/${relative(folder, name).split(sep).join('/')}`, fileOf(folder, name)]));
  if (!page.has(INDEX)) throw notBuilt(folder);
  return page;
}

function notBuilt(folder: string, cause?: unknown): InputError {
  return new InputError(`the page is missing (${join(folder, 'index.html')}): run "npm run build"`, { cause });
}

function filesOf(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return filesOf(path);
    return entry.isFile() ? [path] : [];
  });
}

function fileOf(folder: string, path: string): PageFile {
  const bytes = Uint8Array.from(readFileSync(path));
  const type = getMimeType(path) ?? 'application/octet-stream';
  const packed = bytes.length >= COMPRESS_FROM_BYTES && TEXT.test(type);
  return {
    type,
    hash: createHash('sha256').update(bytes).digest('base64url').slice(0, 22),
    cacheControl: HASHED.test(`/${relative(folder, path).split(sep).join('/')}`) ? FOREVER : 'no-cache',
    bodies: [
      ...(packed
        ? ([['br', brotli(bytes)] as const, ['gzip', Uint8Array.from(gzipSync(bytes))] as const] as const)
        : []),
      ['identity', bytes],
    ],
  };
}

function brotli(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  // The best quality takes a second where this takes some milliseconds.
  return Uint8Array.from(brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 6 } }));
}

/** A path without an extension is one of the page's own addresses. */
export function servePage(page: Page): (c: Context) => Response {
  return (c) => {
    const file = page.get(c.req.path) ?? (/\.[^/]*$/.test(c.req.path) ? undefined : page.get(INDEX));
    if (!file) throw refusal(404, 'there is no such file: see /');
    const accepted = (c.req.header('accept-encoding') ?? '').split(',').map((part) => part.split(';')[0]!.trim());
    const [coding, bytes] = file.bodies.find(([name]) => name === 'identity' || accepted.includes(name))!;
    // A strong one names bytes as they are sent (RFC 9110, section 8.8.3).
    const etag = `"${file.hash}-${coding}"`;
    c.header('ETag', etag);
    c.header('Cache-Control', file.cacheControl);
    c.header('Vary', 'Accept-Encoding');
    if (c.req.header('if-none-match')?.includes(etag)) return c.body(null, 304);
    if (coding !== 'identity') c.header('Content-Encoding', coding);
    c.header('Content-Type', file.type);
    return c.body(bytes);
  };
}
