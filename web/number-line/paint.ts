/** Draws the picture of a filter. Everything is in CSS pixels; the line begins right of the gutter. */
import { X2APIC_FIRST, X2APIC_LAST } from '../../src/model/filter.ts';
import { hex } from '../../src/model/json-fields.ts';
import { WINDOWS } from '../bitmap/layout.ts';
import { type Fill, type FillColours, fills, type Patterned } from '../parts/patterns.ts';
import { columnRuns } from './columns.ts';
import { GUTTER, LANE, type Rows } from './geometry.ts';
import { paintMarks } from './paint-marks.ts';
import type { Picture } from './picture.ts';
import { Cell } from './range-bits.ts';
import { axisLabels, indexAt, pixelOf, type Viewport } from './viewport.ts';

export interface Scene {
  readonly picture: Picture;
  readonly rows: Rows;
  readonly view: Viewport;
  /** Of the line, without the gutter. */
  readonly width: number;
  readonly colours: FillColours;
  /** Of the MSRs that are named, ascending. */
  readonly names: readonly { readonly index: number; readonly name: string }[];
  /** The MSR that is looked at, and the lane that keys act on. */
  readonly cursor: number | undefined;
  readonly lane: number | undefined;
}

const CELL_FILLS: Readonly<Record<Cell, Patterned | undefined>> = {
  [Cell.NONE]: undefined,
  [Cell.ALLOW]: 'allow',
  [Cell.DENY]: 'deny',
  [Cell.MIXED]: 'mixed',
  [Cell.UNMAPPED]: 'unmapped',
  [Cell.EXEMPT]: 'exempt',
};
const CELL_LETTERS: Readonly<Record<Cell, string>> = {
  [Cell.NONE]: '',
  [Cell.ALLOW]: 'A',
  [Cell.DENY]: 'D',
  [Cell.MIXED]: '',
  [Cell.UNMAPPED]: '?',
  [Cell.EXEMPT]: '·',
};
export const SMALL = '10px ui-monospace, monospace';
const NORMAL = '11px ui-monospace, monospace';
/** Widths that a letter and the label of an index need. */
export const LETTER_ROOM = 14;
const LABEL_ROOM = 92;

export function paint(context: CanvasRenderingContext2D, scene: Scene): void {
  const { rows, width, picture } = scene;
  const patterns = fills(context, scene.colours);
  context.textBaseline = 'middle';
  gutter(context, scene);
  context.save();
  context.beginPath();
  context.rect(GUTTER, 0, width, rows.height);
  context.clip();
  context.translate(GUTTER, 0);
  axis(context, scene);
  nameTicks(context, scene);
  for (const vendor of ['vmx', 'svm'] as const) hardware(context, scene, WINDOWS[vendor], rows[vendor]);
  exemptWindow(context, scene, patterns.exempt);
  for (const [number, lane] of picture.lanes.entries()) {
    drawLane(context, scene, lane.cell, rows.lanes + number * LANE, patterns);
  }
  cursor(context, scene);
  paintMarks(context, scene);
  context.restore();
}

function gutter(context: CanvasRenderingContext2D, { rows, colours, picture, lane }: Scene): void {
  context.textAlign = 'left';
  context.font = SMALL;
  context.fillStyle = colours['text-soft'];
  context.fillText('VMX map', 2, rows.vmx + 6);
  context.fillText('SVM map', 2, rows.svm + 6);
  context.fillText('accesses', 2, rows.accesses + 14);
  context.font = NORMAL;
  for (const [number, { label, letters, kind }] of picture.lanes.entries()) {
    const y = rows.lanes + number * LANE;
    if (number === lane) {
      context.fillStyle = colours['surface-2'];
      context.fillRect(0, y, GUTTER - 2, LANE - 2);
    }
    context.fillStyle = kind === 'range' ? colours.text : colours['text-soft'];
    context.fillText(label, 4, y + LANE / 2);
    context.fillText(letters, kind === 'range' ? 28 : 48, y + LANE / 2);
  }
}

function axis(context: CanvasRenderingContext2D, { view, width, rows, colours }: Scene): void {
  context.font = SMALL;
  context.textAlign = 'left';
  for (const index of axisLabels(view, width, LABEL_ROOM)) {
    const x = pixelOf(view, width, index);
    context.fillStyle = colours['line-soft'];
    context.fillRect(x, rows.axis, 1, rows.height);
    context.fillStyle = colours['text-soft'];
    context.fillText(hex(index), x + 3, rows.axis + 9);
  }
}

function nameTicks(context: CanvasRenderingContext2D, { names, view, width, rows, colours }: Scene): void {
  context.font = SMALL;
  context.textAlign = 'left';
  let free = 0;
  const last = indexAt(view, width, width);
  const ticks = names.filter(({ index }) => index >= view.start && index <= last);
  for (const { index, name } of ticks) {
    const x = pixelOf(view, width, index + 0.5);
    context.fillStyle = colours['text-soft'];
    context.fillRect(Math.floor(x), rows.names + 12, 1, 4);
    const room = context.measureText(name).width;
    if (x - 2 < free) continue;
    context.fillText(name, x - 1, rows.names + 6);
    free = x + room + 8;
  }
}

function hardware(
  context: CanvasRenderingContext2D,
  { view, width, colours }: Scene,
  windows: readonly (readonly [first: number, end: number])[],
  y: number,
): void {
  for (const [first, end] of windows) {
    const [left, right] = [pixelOf(view, width, first), pixelOf(view, width, end)];
    if (right < 0 || left > width) continue;
    context.fillStyle = colours['surface-2'];
    context.fillRect(left, y, Math.max(1, right - left), 10);
    context.strokeStyle = colours.line;
    context.strokeRect(left + 0.5, y + 0.5, Math.max(1, right - left) - 1, 9);
  }
}

function exemptWindow(context: CanvasRenderingContext2D, scene: Scene, fill: Fill): void {
  const { view, width, rows, colours, picture } = scene;
  const [left, right] = [pixelOf(view, width, X2APIC_FIRST), pixelOf(view, width, X2APIC_LAST + 1)];
  if (right < 0 || left > width || right - left < 2) return;
  context.globalAlpha = 0.35;
  context.fillStyle = fill;
  context.fillRect(left, rows.lanes, right - left, picture.lanes.length * LANE);
  context.globalAlpha = 1;
  if (right - left < 150) return;
  context.font = SMALL;
  context.textAlign = 'left';
  context.fillStyle = colours['text-soft'];
  context.fillText('x2APIC: filters do not apply', Math.max(4, left + 4), rows.accesses + 33);
}

function drawLane(
  context: CanvasRenderingContext2D,
  { view, width, colours }: Scene,
  cell: (first: number, end: number) => Cell,
  y: number,
  patterns: Record<Patterned, Fill>,
): void {
  context.fillStyle = colours['line-soft'];
  context.fillRect(0, y + LANE - 3, width, 1);
  for (const run of columnRuns(view, width, cell)) {
    const fill = CELL_FILLS[run.cell];
    if (!fill) continue;
    context.fillStyle = patterns[fill];
    context.fillRect(run.x, y + 1, run.width, LANE - 5);
  }
  const perMsr = width / view.span;
  if (perMsr < LETTER_ROOM) return;
  context.font = SMALL;
  context.textAlign = 'center';
  for (let index = Math.max(0, Math.floor(view.start)); index < view.start + view.span; index++) {
    const here = cell(index, index + 1);
    if (here === Cell.NONE) continue;
    const x = pixelOf(view, width, index);
    context.strokeStyle = colours.surface;
    context.strokeRect(x + 0.5, y + 1.5, perMsr - 1, LANE - 6);
    const letter = CELL_LETTERS[here];
    context.fillStyle = here === Cell.DENY ? colours.deny : colours.surface;
    if (here === Cell.DENY || here === Cell.UNMAPPED) {
      // A letter on hatching needs a ground.
      context.fillStyle = colours.surface;
      context.fillRect(x + perMsr / 2 - 5, y + 3, 10, LANE - 9);
      context.fillStyle = colours.text;
    } else context.fillStyle = here === Cell.ALLOW ? colours['allow-ink'] : colours.text;
    context.fillText(letter, x + perMsr / 2, y + LANE / 2 - 1);
  }
}

function cursor(context: CanvasRenderingContext2D, { cursor: index, view, width, rows, colours }: Scene): void {
  if (index === undefined) return;
  const left = pixelOf(view, width, index);
  const wide = Math.max(1, width / view.span);
  context.strokeStyle = colours.accent;
  context.lineWidth = 1;
  context.strokeRect(left + 0.5, rows.vmx, Math.max(1, wide - 1), rows.accesses - rows.vmx);
}
