/**
 * Who may ask the server for what. It answers on this machine only, unless it has a token; but any page that a browser
 * here has open can send it requests (CSRF), and can make its own name resolve to this address (DNS rebinding).
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Context, MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { getCookie, setCookie } from 'hono/cookie';
import { secureHeaders } from 'hono/secure-headers';
import { refusal } from './problem.ts';

export interface Access {
  /** Values of the Host header that are answered, in lower case, as `127.0.0.1:6174`. */
  readonly hosts: ReadonlySet<string>;
  /** Undefined: none is needed. */
  readonly token: string | undefined;
}

/** Most bytes of a request's body. */
const MAX_BODY_BYTES = 8 << 20;
/** Cookies are shared by all ports of a host: the port is part of the name. */
const COOKIE = 'msrdiff-';

/** On every answer, errors included. No script and no style of a page but its own files. */
export const headers: MiddlewareHandler = secureHeaders({
  contentSecurityPolicy: {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'"],
    styleSrc: ["'self'"],
    imgSrc: ["'self'", 'data:'],
    connectSrc: ["'self'"],
    baseUri: ["'none'"],
    formAction: ["'none'"],
    frameAncestors: ["'none'"],
  },
  crossOriginOpenerPolicy: 'same-origin',
  crossOriginResourcePolicy: 'same-origin',
  referrerPolicy: 'no-referrer',
  xFrameOptions: 'DENY',
  // There is no TLS here.
  strictTransportSecurity: false,
});

/** Refuses another Host, another origin, and who does not have the token. */
export function guard({ hosts, token }: Access): MiddlewareHandler {
  return async (c, next) => {
    const host = (c.req.header('host') ?? '').toLowerCase();
    if (!hosts.has(host)) throw refusal(403, `this server does not answer as ${shown(host)}: see --allow-host`);
    if (!sameOrigin(c, host)) throw refusal(403, 'requests of other sites are refused: open the page of this server');
    if (token !== undefined) {
      const redirect = admit(c, token, host);
      if (redirect) return redirect;
    }
    return next();
  };
}

/** For requests that change or run something: no form of another site can send them. */
export const guardPost: MiddlewareHandler = async (c, next) => {
  if (c.req.method !== 'POST') return next();
  const type = (c.req.header('content-type') ?? '').split(';')[0]!.trim().toLowerCase();
  if (type !== 'application/json') throw refusal(415, 'send the body as JSON, with content-type: application/json');
  if (c.req.header('origin') === undefined && c.req.header('sec-fetch-site') !== 'same-origin') {
    throw refusal(403, 'a POST must say where it comes from: send Origin with the address of this server');
  }
  return limitBody(c, next);
};

const limitBody = bodyLimit({
  maxSize: MAX_BODY_BYTES,
  onError: () => {
    throw refusal(413, `the body is larger than ${MAX_BODY_BYTES >> 20} MiB: send less`);
  },
});

function sameOrigin(c: Context, host: string): boolean {
  const origin = c.req.header('origin');
  if (origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`) return false;
  const site = c.req.header('sec-fetch-site');
  // A link from elsewhere may open the page; it may not ask for data.
  if (site === undefined || site === 'same-origin' || site === 'none') return true;
  return origin === undefined && c.req.header('sec-fetch-mode') === 'navigate' && !c.req.path.startsWith('/api');
}

/** Undefined if the request may go on; a redirect where the token came in the address. Throws for all others. */
function admit(c: Context, token: string, host: string): Response | undefined {
  const name = `${COOKIE}${host.split(':').at(-1)!.replace(/\W/g, '')}`;
  // The cookie is not the token: who reads it has this server, and not what else the token may open.
  const pass = createHmac('sha256', token).update('msrdiff serve').digest('base64url');
  const bearer = /^bearer +(\S+)$/i.exec(c.req.header('authorization') ?? '')?.[1];
  if (bearer !== undefined && equal(bearer, token)) return undefined;
  const cookie = getCookie(c, name);
  const asked = new URL(c.req.url);
  const given = asked.searchParams.get('token');
  if (given !== null && equal(given, token) && c.req.method === 'GET' && !c.req.path.startsWith('/api')) {
    setCookie(c, name, pass, { httpOnly: true, sameSite: 'Strict', path: '/' });
    asked.searchParams.delete('token');
    // Never two slashes at the start, which would name another host.
    return c.redirect(`${asked.pathname.replace(/^\/+/, '/')}${asked.search}`);
  }
  if (cookie !== undefined && equal(cookie, pass)) return undefined;
  c.header('WWW-Authenticate', 'Bearer');
  throw refusal(401, 'this server needs its token: open /?token=TOKEN once, or send "Authorization: Bearer TOKEN"');
}

/** In a time that does not depend on where they differ. */
function equal(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHmac('sha256', 'length').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

function shown(host: string): string {
  return JSON.stringify(host.slice(0, 80));
}
