/** `npm run docs:history`: writes docs/history.md. */
import { writeFileSync } from 'node:fs';
import { documentReports } from '../src/history/document.ts';
import { historyDocument } from '../src/history/markdown.ts';

/** Cases of one run. */
const CASES = 1000;

writeFileSync('docs/history.md', historyDocument(documentReports(CASES)));
