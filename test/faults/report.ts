/** The table of faults. */
import { readFileSync, writeFileSync } from 'node:fs';
import type { FaultKind } from './kind.ts';

export interface KindResult {
  readonly kind: FaultKind;
  /** Why it was not injected. */
  readonly skipped: string | undefined;
  injected: number;
  failed: number;
}

const BEGIN = '<!-- npm run test:faults -- --write -->';
const END = '<!-- end -->';

export function tableOf(results: readonly KindResult[]): string {
  const rows = results.map(({ kind, skipped, injected, failed }) => [
    kind.fault,
    String(injected),
    kind.shows,
    skipped !== undefined ? `not injected: ${skipped}` : failed === 0 ? 'as undisturbed' : `${failed} failed`,
  ]);
  const total = results.reduce((sum, { injected }) => sum + injected, 0);
  const failed = results.reduce((sum, result) => sum + result.failed, 0);
  rows.push(['all', String(total), '', failed === 0 ? 'none lost, none duplicated' : `${failed} failed`]);
  const head = ['fault', 'times', 'what the user sees', 'result'];
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** Between the marks in the document. */
export function writeTable(path: string, results: readonly KindResult[]): void {
  const text = readFileSync(path, 'utf8');
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`${path} lacks "${BEGIN}" or "${END}"`);
  writeFileSync(path, `${text.slice(0, begin + BEGIN.length)}\n\n${tableOf(results)}\n\n${text.slice(end)}`);
}
