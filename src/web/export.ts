/** GET /api/divergences/:id/export/:format: a divergence as a file that needs no database. */
import { Hono } from 'hono';
import { EXPORT_FORMATS, type ExportFormat, handOver, isExportFormat } from '../export/hand-over.ts';
import { subjectOfStored } from '../export/stored.ts';
import { InputError } from '../model/input-error.ts';
import type { Store } from '../store/store.ts';
import type { ExplanationReply } from './api.ts';
import type { Explainer } from './explanation.ts';
import { findDivergence } from './reading.ts';

const TYPES: Readonly<Record<ExportFormat, string>> = {
  json: 'application/json; charset=utf-8',
  binary: 'application/octet-stream',
  vitest: 'text/javascript; charset=utf-8',
  c: 'text/x-c; charset=utf-8',
  kselftest: 'text/x-c; charset=utf-8',
  markdown: 'text/markdown; charset=utf-8',
};

/** `version`: of msrdiff; `explain`: for the bug report, which says why. */
export function exportRoutes(store: Store, version: string, explain: Explainer): Hono {
  return new Hono().get('/divergences/:id/export/:format', async (c) => {
    const format = c.req.param('format');
    if (!isExportFormat(format)) {
      throw new InputError(`export: expected one of ${Object.keys(EXPORT_FORMATS).join(', ')}`);
    }
    const found = await findDivergence(store, c);
    const subject = subjectOfStored(found, await store.history(found.id), version);
    const { bytes, fileName } = handOver(
      format,
      format === 'markdown' ? { ...subject, explanation: reasonOf(await explain(found)) } : subject,
    );
    return c.body(typeof bytes === 'string' ? bytes : Uint8Array.from(bytes), 200, {
      'Content-Type': TYPES[format],
      // Letters, digits, "-", "_" and ".": nothing in the name needs quoting.
      'Content-Disposition': `attachment; filename="${fileName}"`,
    });
  });
}

function reasonOf({
  explanation,
  refused,
  lost,
}: ExplanationReply): NonNullable<Parameters<typeof handOver>[1]['explanation']> {
  return explanation ?? { refused: refused ?? lost ?? 'it no longer diverges' };
}
