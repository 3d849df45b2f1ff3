/** A scenario and its profile as the fragment of an address, which no server sees: deflated, in base64url. */

export interface Shared {
  readonly scenario: string;
  readonly profile: string;
}

async function pipe(bytes: Uint8Array, through: CompressionStream | DecompressionStream): Promise<Uint8Array> {
  const stream = new Blob([bytes as BlobPart])
    .stream()
    .pipeThrough(through as ReadableWritablePair<Uint8Array, BufferSource>);
  return new Uint8Array(await new Response(stream as ReadableStream).arrayBuffer());
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
