/** A request's content, as plain data; which keys there are depends on its type. */
export function decodeRequest(type: number, payload: Uint8Array): Record<string, unknown>;
