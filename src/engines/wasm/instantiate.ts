/** What engines need of WebAssembly. Each has a module of its own, written by hand (NAME.wat) and assembled (NAME.ts). */

interface Memory {
  readonly buffer: ArrayBuffer;
}

/** The part of the global that is used here: Node has it, its types do not. */
interface Api {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: object };
}

const { Module, Instance } = (globalThis as unknown as { WebAssembly: Api }).WebAssembly;

/** Compiles a module, given in base64. Takes well under a millisecond; instances share the code. */
export function compileModule(base64: string): object {
  return new Module(Buffer.from(base64, 'base64'));
}

export type WithMemory<Functions> = Functions & { readonly memory: Memory };

/**
 * A new instance with a memory of its own, all zero; undefined if none can be had: V8 reserves 10 GB of addresses for
 * each, which `ulimit -v` may not grant.
 */
export function instantiate<Functions extends object>(module: object): WithMemory<Functions> | undefined {
  try {
    return new Instance(module).exports as WithMemory<Functions>;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
