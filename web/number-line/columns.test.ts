import { expect, test } from 'vitest';
import { columnRuns } from './columns.ts';
import { Cell, RangeBits } from './range-bits.ts';

// Every second MSR of 64 allowed, from 0x40 on.
const bits = new RangeBits({ flags: 3, base: 0x40, nmsrs: 64, bitmap: new Uint8Array(8).fill(0x55) });
const cell = (first: number, end: number) => bits.cell(first, end);

test('near by, each bit is a run of its own', () => {
  expect(columnRuns({ start: 0x3f, span: 4 }, 8, cell)).toEqual([
    { x: 2, width: 2, cell: Cell.ALLOW },
    { x: 4, width: 2, cell: Cell.DENY },
    { x: 6, width: 2, cell: Cell.ALLOW },
  ]);
});

test('far away, what differs within a pixel is one mixed run', () => {
  expect(columnRuns({ start: 0, span: 256 }, 64, cell)).toEqual([{ x: 16, width: 16, cell: Cell.MIXED }]);
});

test('where nothing is, there is no run', () => {
  expect(columnRuns({ start: 0x1000, span: 256 }, 64, cell)).toEqual([]);
});
