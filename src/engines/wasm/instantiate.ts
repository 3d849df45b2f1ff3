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

/** A new instance with a memory of its own, all zero. */
export function instantiate<Functions extends object>(module: object): Functions & { readonly memory: Memory } {
  return new Instance(module).exports as Functions & { readonly memory: Memory };
}
