/** Errors as answers: a status and one line that says what, where and how to mend it. */
import { HTTPException } from 'hono/http-exception';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { Superseded } from '../fuzz/newest-first.ts';
import { InputError, oneLine } from '../model/input-error.ts';
import { SqliteCode, StoreError, sqliteCode } from '../store/store-error.ts';
import type { ErrorReply } from './api.ts';

export interface Problem {
  readonly status: ContentfulStatusCode;
  readonly reply: ErrorReply;
}

export function refusal(status: ContentfulStatusCode, message: string): HTTPException {
  return new HTTPException(status, { message });
}

/** Never a stack trace; what nobody foresaw is told on standard error alone. */
export function problemOf(error: unknown): Problem {
  const status = statusOf(error);
  // What is wrong with a database can be mended, so it is said.
  if (status === 500 && !(error instanceof StoreError)) {
    if (process.env.MSRDIFF_DEBUG) process.stderr.write(`${(error as Error).stack ?? error}\n`);
    return { status, reply: { error: 'internal error (please report it; MSRDIFF_DEBUG=1 shows where)' } };
  }
  return { status, reply: { error: oneLine((error as Error).message) } };
}

function statusOf(error: unknown): ContentfulStatusCode {
  if (error instanceof HTTPException) return error.status as ContentfulStatusCode;
  if (error instanceof InputError) return 400;
  if (error instanceof Superseded) return 409;
  return error instanceof StoreError ? storeStatus(error) : 500;
}

function storeStatus(error: StoreError): ContentfulStatusCode {
  if (error.lookup === 'absent') return 404;
  if (error.lookup === 'ambiguous') return 409;
  const code = error.cause === undefined ? undefined : sqliteCode(error.cause);
  if (code === SqliteCode.BUSY || code === SqliteCode.LOCKED) return 503;
  return code === SqliteCode.READONLY ? 403 : 500;
}
