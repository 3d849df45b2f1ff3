/** Writes cpio archives of the "newc" kind, as the kernel unpacks them; the same entries give the same bytes. */

export type CpioEntry =
  | { readonly kind: 'folder'; readonly path: string }
  | { readonly kind: 'file'; readonly path: string; readonly content: Uint8Array; readonly executable?: boolean }
  | { readonly kind: 'character-device'; readonly path: string; readonly major: number; readonly minor: number };

const TYPE_FOLDER = 0o040000;
const TYPE_FILE = 0o100000;
const TYPE_CHARACTER_DEVICE = 0o020000;
const ALIGNMENT = 4;
const BLOCK = 512;

interface Fields {
  readonly mode: number;
  readonly links: number;
  readonly size: number;
  readonly major: number;
  readonly minor: number;
}

function header(inode: number, path: string, { mode, links, size, major, minor }: Fields): Buffer {
  const name = Buffer.from(`${path}\0`);
  // ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check
  const numbers = [inode, mode, 0, 0, links, 0, size, 0, 0, major, minor, name.length, 0];
  const text = `070701${numbers.map((number) => number.toString(16).padStart(8, '0')).join('')}`;
  return padded(Buffer.concat([Buffer.from(text), name]), ALIGNMENT);
}

function padded(bytes: Uint8Array, alignment: number): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & (alignment - 1))]);
}

function fieldsOf(entry: CpioEntry): Fields {
  const none = { links: 1, size: 0, major: 0, minor: 0 };
  switch (entry.kind) {
    case 'folder':
      return { ...none, mode: TYPE_FOLDER | 0o755, links: 2 };
    case 'file':
      return { ...none, mode: TYPE_FILE | (entry.executable ? 0o755 : 0o644), size: entry.content.length };
    case 'character-device':
      return { ...none, mode: TYPE_CHARACTER_DEVICE | 0o600, major: entry.major, minor: entry.minor };
  }
}

/** Paths have no leading slash; a folder comes before what is in it. */
export function cpioArchive(entries: readonly CpioEntry[]): Buffer {
  const parts: Buffer[] = [];
  entries.forEach((entry, index) => {
    parts.push(header(index + 1, entry.path, fieldsOf(entry)));
    if (entry.kind === 'file') parts.push(padded(entry.content, ALIGNMENT));
  });
  parts.push(header(0, 'TRAILER!!!', { mode: 0, links: 1, size: 0, major: 0, minor: 0 }));
  return padded(Buffer.concat(parts), BLOCK);
}
