/** POST /api/divergences/:id/status: the only route that changes what is stored. */
import { Hono } from 'hono';
import { EXPORT_FORMATS } from '../export/hand-over.ts';
import { InputError } from '../model/input-error.ts';
import { at, readObject, readString, readWord, reject } from '../model/json-fields.ts';
import { parseJsonText } from '../model/json-text.ts';
import { authorProblem, noteProblem, STATUSES } from '../model/status.ts';
import type { Store } from '../store/store.ts';
import type { StatusRequest } from './api.ts';
import { refusal } from './problem.ts';
import { findDivergence } from './reading.ts';
import { detailsOf } from './rows.ts';

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
  const problems = { note: noteProblem(note), author: authorProblem(author) };
  for (const [name, problem] of Object.entries(problems)) if (problem) reject(at(place, name), problem);
  if (body.status !== undefined) {
    return { status: STATUSES[readWord(body.status, at(place, 'status'), STATUSES)]!, note, author };
  }
  if (note === '') throw new InputError('body: neither a status nor a note: give one of them');
  return { note, author };
}
