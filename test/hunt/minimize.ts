/** The shortest input that fails in the same way, as far as cutting pieces out leads. */

/** Tries at most. */
const MAX_TRIES = 2000;

/** @param fails whether an input still fails in the way that is looked for */
export async function minimizeInput(
  input: Uint8Array,
  fails: (input: Uint8Array) => Promise<boolean>,
): Promise<Uint8Array> {
  let shortest = input;
  let tries = 0;
  for (let size = shortest.length >>> 1; size > 0; size >>>= 1) {
    for (let at = 0; at + size <= shortest.length && tries < MAX_TRIES; ) {
      const shorter = new Uint8Array(shortest.length - size);
      shorter.set(shortest.subarray(0, at));
      shorter.set(shortest.subarray(at + size), at);
      tries++;
      if (await fails(shorter)) shortest = shorter;
      else at += size;
    }
  }
  return shortest;
}
