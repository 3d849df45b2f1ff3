import { expect, test } from 'vitest';
import { indexAtShare, PIECES, shareOf, viewAtShare } from './minimap.ts';
import { LINE_END } from './viewport.ts';

test('the pieces are the whole line and the whole strip', () => {
  expect(PIECES[0]!.first).toBe(0);
  expect(PIECES.at(-1)!.end).toBe(LINE_END);
  for (const [i, piece] of PIECES.slice(1).entries()) {
    expect(piece.first).toBe(PIECES[i]!.end);
    expect(piece.left).toBeCloseTo(PIECES[i]!.left + PIECES[i]!.share, 12);
  }
  expect(shareOf(LINE_END)).toBe(1);
});

test.each([0, 0x174, 0x2fff, 0x4000_0010, 0xc000_0080, 0xc001_1fff, 0xffff_ffff])('0x%s comes back', (index) => {
  const back = indexAtShare(shareOf(index));
  const { first, end } = PIECES.find((piece) => index < piece.end)!;
  // Within what one of 4096 pixels of its piece stands for.
  expect(Math.abs(back - index)).toBeLessThanOrEqual(Math.max(1, (end - first) / 4096));
});

test('pressing a window while all is seen shows no more than that window', () => {
  const view = viewAtShare(shareOf(0xc000_1000), { start: 0, span: LINE_END });
  expect(view.span).toBe(0x2000);
  expect(Math.round(view.start + view.span / 2)).toBeCloseTo(0xc000_1000, -1);
});
