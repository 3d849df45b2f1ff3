import { expect, test } from 'vitest';
import { markLabel } from './paint-marks.ts';

const read = (verdict?: string) => ({ write: false, verdict });
const write = (verdict?: string) => ({ write: true, verdict });

test.each([
  [[read('gp')], 'R gp'],
  [[write('allow')], 'W allow'],
  [[read('gp'), write('gp')], 'RW gp'],
  [[read('gp'), write('≠'), read('gp')], 'R gp W ≠'],
  [[read('gp'), read('allow')], '2 accesses'],
  [[read()], 'R '],
])('%#', (markers, label) => expect(markLabel(markers)).toBe(label));
