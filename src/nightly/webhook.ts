/** Tells another machine of a finished night. That it cannot be told changes nothing about the night. */
import { createHmac } from 'node:crypto';

const TRIES = 3;
const TIMEOUT_MS = 10_000;
/** Before the second and the third try. */
const BACKOFF_MS = [1_000, 4_000];
/** In the form of GitHub's X-Hub-Signature-256: "sha256=" and the HMAC of the body, in hex. */
export const SIGNATURE_HEADER = 'X-Msrdiff-Signature-256';

/** What is not the same everywhere. */
export interface Delivery {
  readonly timeoutMs?: number;
  readonly backoffMs?: readonly number[];
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/** @returns null if it was delivered, else why not, in one line */
export async function deliver(
  { url, secretEnv }: { readonly url: string; readonly secretEnv?: string | undefined },
  body: string,
  { timeoutMs = TIMEOUT_MS, backoffMs = BACKOFF_MS, environment = process.env }: Delivery = {},
): Promise<string | null> {
  const headers: Record<string, string> = { 'Content-Type': 'application/json', 'User-Agent': 'msrdiff' };
  if (secretEnv !== undefined) {
    const secret = environment[secretEnv];
    if (!secret) return `webhook: the environment has no ${secretEnv}: not sent unsigned`;
    headers[SIGNATURE_HEADER] = signatureOf(body, secret);
  }
  let problem = '';
  for (let attempt = 0; attempt < TRIES; attempt++) {
    if (attempt > 0) await new Promise((resolve) => setTimeout(resolve, backoffMs[attempt - 1] ?? 0));
    const outcome = await post(url, headers, body, timeoutMs);
    if (outcome === null) return null;
    problem = outcome.problem;
    if (!outcome.again) break;
  }
  // Not the address itself: those of chats are secrets.
  return `webhook at ${new URL(url).host}: ${problem}`;
}

/** `sha256=` and the HMAC-SHA256 of the body in hex. */
export function signatureOf(body: string, secret: string): string {
  return `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
}

async function post(
  url: string,
  headers: Readonly<Record<string, string>>,
  body: string,
  timeoutMs: number,
): Promise<{ readonly problem: string; readonly again: boolean } | null> {
  try {
    // A redirect would carry the payload to a place that nobody has named.
    const signal = AbortSignal.timeout(timeoutMs);
    const response = await fetch(url, { method: 'POST', headers, body, redirect: 'manual', signal });
    await response.body?.cancel();
    if (response.ok) return null;
    // What the receiver refuses, it refuses again; except when it is busy.
    const again = response.status >= 500 || response.status === 429 || response.status === 408;
    return { problem: `answers with status ${response.status}`, again };
  } catch (error) {
    const { name, cause, message } = error as Error & { cause?: { code?: string } };
    if (name === 'TimeoutError') return { problem: `no answer within ${timeoutMs / 1000} s`, again: true };
    return { problem: cause?.code ?? message, again: true };
  }
}
