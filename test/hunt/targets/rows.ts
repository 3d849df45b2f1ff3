import { EXPORT_FORMATS, type ExportFormat, handOver } from '../../../src/export/hand-over.ts';
import { subjectOfStored } from '../../../src/export/stored.ts';
import { enginesOfStored } from '../../../src/fuzz/explain/stored.ts';
import { earlierNights, snapshot } from '../../../src/nightly/collect.ts';
import { StoreError } from '../../../src/store/store-error.ts';
import { detailsOf, summaryOf } from '../../../src/web/rows.ts';
import { openRows, ROWS_SEED } from '../rows-database.ts';
import { accepted, acceptedLater, asText, expect, type Target } from '../target.ts';

const FORMATS = Object.keys(EXPORT_FORMATS) as ExportFormat[];

/** A database with rows that msrdiff never wrote: columns of other types, missing, with other JSON. */
export const target: Target = {
  name: 'rows',
  form: 'json',
  seeds: [ROWS_SEED],
  words: [
    ...['campaigns', 'divergences', 'vector', 'engines', 'rules', 'scenario', 'config', 'known', 'features', 'report'],
    ...[
      '"null"',
      '[]',
      '{}',
      '{"a":1}',
      '[{"kind":"built-in","name":"svm"}]',
      '{"events":[]}',
      'new',
      'running',
      'proof',
    ],
    ...['{"constructor":1}', '[null]', '{"version":1}', 'verdict', 'errno', 'fixed', '6.1', 'aa01'],
  ],
  sources: ['src/store/', 'src/web/rows', 'src/export/stored', 'src/engines/engine-spec', 'src/nightly/collect'],
  async run(input) {
    const store = await openRows(asText(input));
    if (!store) return;
    const refusing = <T>(read: () => Promise<T>): Promise<T | undefined> =>
      acceptedLater(read, 'rows-database', StoreError);
    try {
      const campaigns = await refusing(() => store.campaigns());
      for (const { id, engines, seconds } of campaigns ?? []) {
        expect(engines.join().length >= 0 && seconds.toFixed(1) !== 'NaN', `campaign ${id} cannot be shown`);
        await refusing(() => store.shards(id));
        await refusing(() => store.coverage(id));
        await refusing(() => store.progress(id));
      }
      for (const row of (await refusing(() => store.campaignSummaries(10))) ?? []) JSON.stringify(summaryOf(row));
      const found = await refusing(() => store.divergence('aa01'));
      await refusing(() => store.divergencePage({ limit: 10 }));
      await refusing(() => store.facets());
      const disagreements = await refusing(() => store.disagreements());
      for (const counts of disagreements?.counts ?? []) expect(counts.every(Number.isFinite), 'no count');
      await refusing(() => store.statusCounts());
      await refusing(() => snapshot(store, '2026-01-01T00:00:00Z'));
      await refusing(() => earlierNights(store, 10));
      if (!found) return;
      await refusing(async () => JSON.stringify(await detailsOf(store, found, FORMATS)));
      accepted(() => enginesOfStored(found));
      const history = await refusing(() => store.history(found.id));
      const subject = history && accepted(() => subjectOfStored(found, history, '1'));
      if (!subject) return;
      // Programs and reports ask the engines, which takes long: one format, and not for every input.
      const format = FORMATS[input.length % (FORMATS.length * 16)];
      if (format === undefined) return;
      const handed = accepted(() => handOver(format, { ...subject, explanation: { refused: 'not run' } }));
      if (handed) expect(/^[\w.-]+$/.test(handed.fileName), `the file name ${handed.fileName}`);
    } finally {
      await store.close();
    }
  },
};
