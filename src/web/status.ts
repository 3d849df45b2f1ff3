/** POST /api/divergences/:id/status: the only route that changes what is stored. */
import { Hono } from 'hono';
import { EXPORT_FORMATS } from '../export/hand-over.ts';
import { InputError } from '../model/input-error.ts';
import { at, readObject, readString, readWord, reject } from '../model/json-fields.ts';
import { parseJsonText } from '../model/json-text.ts';
import { STATUSES } from '../model/status.ts';
import type { Store } from '../store/store.ts';
import type { StatusRequest } from './api.ts';
import { refusal } from './problem.ts';
import { findDivergence } from './reading.ts';
import { detailsOf } from './rows.ts';

/** Most characters. */
const MAX_NOTE = 10_000;
const MAX_AUTHOR = 100;

/** `writer` undefined: read-only. */
export function statusRoutes(reader: Store, writer: Store | undefined): Hono {
  return new Hono().post('/divergences/:id/status', async (c) => {
    if (!writer) throw refusal(403, 'the database is open read-only: start msrdiff serve without --read-only');
    const change = readStatusRequest(await c.req.text());
    const { id } = await findDivergence(reader, c);
    const changed = await writer.setStatus(id, change);
    return c.json(await detailsOf(reader, changed, Object.keys(EXPORT_FORMATS)));
  });
}

function readStatusRequest(text: string): StatusRequest {
  const place = { where: 'body', path: '' };
  const body = readObject(parseJsonText(text, 'body'), place, ['note', 'author'], ['status']);
  const note = readString(body.note, at(place, 'note')).trim();
  const author = readString(body.author, at(place, 'author')).trim();
  if (note.length > MAX_NOTE) reject(at(place, 'note'), `longer than ${MAX_NOTE} characters`);
  if (author.length > MAX_AUTHOR) reject(at(place, 'author'), `longer than ${MAX_AUTHOR} characters`);
  if (author === '' || /\p{Cc}/u.test(author)) reject(at(place, 'author'), 'expected a name on one line');
  if (body.status !== undefined) {
    return { status: STATUSES[readWord(body.status, at(place, 'status'), STATUSES)]!, note, author };
  }
  if (note === '') throw new InputError('body: neither a status nor a note: give one of them');
  return { note, author };
}
