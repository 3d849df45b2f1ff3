/** A scenario and its profile as the fragment of an address, which no server sees: deflated, in base64url. */

export interface Shared {
  readonly scenario: string;
  readonly profile: string;
}

/** Most bytes of the text, unpacked: an address can hold one that fills any memory. */
const MAX_TEXT_BYTES = 16 << 20;

/** The part of CompressionStream and DecompressionStream that is used here. */
interface Transform {
  readonly writable: { getWriter(): { write(chunk: Uint8Array): Promise<void>; close(): Promise<void> } };
  readonly readable: { getReader(): Reader };
}
interface Reader {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
  cancel(): Promise<void>;
}

async function pipe(bytes: Uint8Array, through: unknown): Promise<Uint8Array> {
  const { writable, readable } = through as Transform;
  const [writer, reader] = [writable.getWriter(), readable.getReader()];
  // What is wrong with the bytes is told by the reader.
  const written = writer.write(bytes).then(() => writer.close());
  written.catch(() => {});
  const parts: Uint8Array[] = [];
  let length = 0;
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    parts.push(part.value!);
    length += part.value!.length;
    if (length <= MAX_TEXT_BYTES) continue;
    await reader.cancel();
    throw new RangeError(`more than ${MAX_TEXT_BYTES} bytes`);
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** With the leading "#". */
export async function shareFragment(shared: Shared): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify([shared.profile, shared.scenario]));
  const packed = await pipe(bytes, new CompressionStream('deflate-raw'));
  let binary = '';
  for (const byte of packed) binary += String.fromCharCode(byte);
  return `#s=${btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')}`;
}

/** Undefined if the fragment holds none, or is damaged. */
export async function sharedFromFragment(fragment: string): Promise<Shared | undefined> {
  const match = /^#s=([\w-]+)$/.exec(fragment);
  if (!match) return undefined;
  try {
    const binary = atob(match[1]!.replaceAll('-', '+').replaceAll('_', '/'));
    const packed = Uint8Array.from(binary, (character) => character.charCodeAt(0));
    const text = new TextDecoder().decode(await pipe(packed, new DecompressionStream('deflate-raw')));
    const [profile, scenario] = JSON.parse(text) as unknown[];
    return typeof profile === 'string' && typeof scenario === 'string' ? { profile, scenario } : undefined;
  } catch {
    return undefined;
  }
}
