import { describe, expect, test } from 'vitest';
import {
  axisLabels,
  clamped,
  columnAt,
  fitting,
  indexAt,
  LINE_END,
  panned,
  pixelOf,
  WHOLE_LINE,
  zoomed,
} from './viewport.ts';

const WIDTH = 800;

describe('a viewport', () => {
  test('goes from the whole line to 40 pixels an MSR, and no further', () => {
    expect(clamped({ start: -5, span: 1e12 }, WIDTH)).toEqual(WHOLE_LINE);
    expect(clamped({ start: 100, span: 0.001 }, WIDTH)).toEqual({ start: 100, span: 20 });
  });

  test('shows nothing beyond the ends', () => {
    expect(clamped({ start: LINE_END - 1, span: 100 }, WIDTH)).toEqual({ start: LINE_END - 100, span: 100 });
  });

  test('keeps the MSR under the pointer when zoomed', () => {
    const view = { start: 0xc000_0000, span: 4096 };
    const near = zoomed(view, WIDTH, 0.25, 200);
    expect(near.span).toBe(1024);
    expect(indexAt(near, WIDTH, 200)).toBe(indexAt(view, WIDTH, 200));
  });

  test('moves by a share of what is seen', () => {
    expect(panned({ start: 1000, span: 500 }, WIDTH, 0.2)).toEqual({ start: 1100, span: 500 });
    expect(panned({ start: 10, span: 500 }, WIDTH, -1).start).toBe(0);
  });

  test.each([
    [0x174, 0x176],
    [0, 0],
    [LINE_END - 1, LINE_END - 1],
    [0, LINE_END - 1],
  ])('shows all of %d to %d', (first, last) => {
    const view = fitting(first, last, WIDTH);
    expect(pixelOf(view, WIDTH, first)).toBeGreaterThanOrEqual(0);
    expect(pixelOf(view, WIDTH, last + 1)).toBeLessThanOrEqual(WIDTH);
  });
});

describe('pixel columns', () => {
  test('far away, share out all MSRs without overlap', () => {
    const view = { start: 3, span: 100_003 };
    let next = 3;
    for (let x = 0; x < WIDTH; x++) {
      const [first, end] = columnAt(view, WIDTH, x);
      expect(first).toBe(next);
      next = end;
    }
    expect(next).toBe(3 + 100_003);
  });

  test('near by, are of one MSR each', () => {
    const view = { start: 0x10, span: 20 };
    expect(columnAt(view, WIDTH, 0)).toEqual([0x10, 0x11]);
    expect(columnAt(view, WIDTH, 39)).toEqual([0x10, 0x11]);
    expect(columnAt(view, WIDTH, 40)).toEqual([0x11, 0x12]);
  });

  test('never reach past the last MSR', () => {
    expect(columnAt(WHOLE_LINE, WIDTH, WIDTH - 1)[1]).toBe(LINE_END);
  });
});

test('labels of the axis are multiples of a power of two, with room between them', () => {
  const labels = axisLabels({ start: 0x174, span: 64 }, WIDTH, 92);
  expect(labels[0]! % 8).toBe(0);
  expect(new Set(labels.slice(1).map((label, i) => label - labels[i]!))).toEqual(new Set([8]));
});
