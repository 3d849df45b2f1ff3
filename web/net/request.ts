/** Requests to the server of `msrdiff serve`. Whatever goes wrong is one line that can be shown. */
import type { ErrorReply } from '../../src/web/api.ts';

/** The message is one line: what the server said, or that it cannot be reached. */
export class RequestError extends Error {
  override readonly name = 'RequestError';
  /** Of the answer; undefined if there was none. */
  readonly status: number | undefined;

  constructor(message: string, { status, ...options }: ErrorOptions & { readonly status?: number } = {}) {
    super(message, options);
    this.status = status;
  }
}

async function request<Reply>(path: string, init: RequestInit): Promise<Reply> {
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch (cause) {
    if (init.signal?.aborted) throw cause;
    throw new RequestError('no connection to the server: is msrdiff serve still running?', { cause });
  }
  const reply = await response.json().catch(() => undefined);
  if (response.ok && reply !== undefined) return reply as Reply;
  const said = (reply as Partial<ErrorReply> | undefined)?.error;
  throw new RequestError(
    typeof said === 'string' ? said : `${path.split('?')[0]}: the server answered ${response.status}`,
    { status: response.status },
  );
}

export function get<Reply>(path: string, signal?: AbortSignal): Promise<Reply> {
  return request(path, signal ? { signal } : {});
}

export function post<Reply>(path: string, body: unknown, signal?: AbortSignal): Promise<Reply> {
  const headers = { 'content-type': 'application/json' };
  return request(path, { method: 'POST', headers, body: JSON.stringify(body), ...(signal ? { signal } : {}) });
}

/** One line of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
