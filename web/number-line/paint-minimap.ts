/** Draws the strip that shows the whole line. */
import type { FillColours } from '../parts/patterns.ts';
import { PIECES, shareOf } from './minimap.ts';
import type { Picture } from './picture.ts';
import type { Viewport } from './viewport.ts';

export const STRIP = 34;

export function paintStrip(
  context: CanvasRenderingContext2D,
  { picture, view, width, colours }: { picture: Picture; view: Viewport; width: number; colours: FillColours },
): void {
  context.font = '10px ui-monospace, monospace';
  context.textBaseline = 'middle';
  context.textAlign = 'left';
  for (const { first, left, share, window } of PIECES) {
    context.fillStyle = window ? colours['surface-2'] : colours['line-soft'];
    context.fillRect(left * width + 1, 14, share * width - 2, STRIP - 14);
    context.fillStyle = colours['text-soft'];
    const label = `0x${first.toString(16)}`;
    if (window && context.measureText(label).width < share * width) context.fillText(label, left * width + 2, 6);
  }
  for (const { range, end } of picture.bits) {
    const [left, right] = [shareOf(range.base) * width, shareOf(end) * width];
    context.fillStyle = colours.allow;
    context.fillRect(left, 19, Math.max(2, right - left), 6);
    context.strokeStyle = colours.text;
    context.strokeRect(left + 0.5, 19.5, Math.max(2, right - left) - 1, 5);
  }
  for (const { index, differs } of picture.markers) {
    context.fillStyle = differs ? colours.alert : colours.text;
    context.fillRect(
      shareOf(index) * width - (differs ? 1.5 : 0.5),
      differs ? 14 : 27,
      differs ? 3 : 1,
      differs ? 20 : 6,
    );
  }
  const [left, right] = [shareOf(view.start) * width, shareOf(view.start + view.span) * width];
  context.strokeStyle = colours.accent;
  context.lineWidth = 2;
  context.strokeRect(Math.max(1, left - 1), 13, Math.max(4, Math.min(width - 2, right) - left + 2), STRIP - 14);
}
