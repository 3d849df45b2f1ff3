/** GET /api/divergences/:id/export/:format: a divergence as a file that needs no database. */
import { Hono } from 'hono';
import { EXPORT_FORMATS, type ExportFormat, exportText } from '../export/export-text.ts';
import { InputError } from '../model/input-error.ts';
import { parseJsonText } from '../model/json-text.ts';
import { findProfile } from '../model/profile.ts';
import { parseScenario } from '../model/scenario-json.ts';
import type { Store } from '../store/store.ts';
import { findDivergence } from './reading.ts';

const TYPES: Readonly<Record<ExportFormat, string>> = {
  c: 'text/x-c; charset=utf-8',
  json: 'application/json; charset=utf-8',
};

export function exportRoutes(store: Store): Hono {
  return new Hono().get('/divergences/:id/export/:format', async (c) => {
    const format = EXPORT_FORMATS.find((name) => name === c.req.param('format'));
    if (!format) throw new InputError(`export: expected one of ${EXPORT_FORMATS.join(', ')}`);
    const { id, kind, subject, profile: name, scenario: text } = await findDivergence(store, c);
    const scenario = parseScenario(parseJsonText(text, id), id);
    const profile = findProfile(name);
    if (!profile)
      throw new InputError(`export: this msrdiff does not know the profile ${JSON.stringify(name)} of ${id}`);
    const output = exportText(format, { title: `Divergence ${id}: ${kind} of ${subject}`, scenario, text, profile });
    // An id is hex digits: nothing in the name needs quoting.
    return c.body(output, 200, {
      'Content-Type': TYPES[format],
      'Content-Disposition': `attachment; filename="msrdiff-${id.replace(/\W/g, '')}.${format}"`,
    });
  });
}
