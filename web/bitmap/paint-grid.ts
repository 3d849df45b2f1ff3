/** The grid of an intercept page: where bits are in it, and how it is drawn. */
import type { Vendor } from '../../src/model/catalogue.ts';
import type { FillColours } from '../parts/patterns.ts';
import { AREAS, type Area, type BitPlace, isIntercepted } from './layout.ts';

export interface Grid {
  /** Bits of one row. */
  readonly columns: number;
  /** Edge of one bit in pixels. */
  readonly cell: number;
  readonly width: number;
  readonly height: number;
  readonly areas: readonly (Area & { readonly top: number; readonly rows: number })[];
}

const LABEL = 16;
const MAX_CELL = 3;

/** For a box that is so many pixels wide. */
export function gridOf(vendor: Vendor, width: number): Grid {
  const columns = width >= 512 ? 256 : 128;
  const cell = Math.min(MAX_CELL, Math.max(1, Math.floor(width / columns)));
  let top = 0;
  const areas = AREAS[vendor].map((area) => {
    const rows = ((area.end - area.first) * 8) / columns;
    const placed = { ...area, top: top + LABEL, rows };
    top += LABEL + rows * cell + 4;
    return placed;
  });
  return { columns, cell, width: columns * cell, height: top, areas };
}

/** The bit at a pixel. */
export function bitAt({ areas, cell, columns }: Grid, x: number, y: number): BitPlace | undefined {
  const area = areas.find(({ top, rows }) => y >= top && y < top + rows * cell);
  const column = Math.floor(x / cell);
  if (!area || column < 0 || column >= columns) return undefined;
  const bit = Math.floor((y - area.top) / cell) * columns + column;
  return { byte: area.first + (bit >>> 3), bit: bit & 7 };
}

/** Left and top edge of a bit, in pixels. */
function cornerOf({ areas, cell, columns }: Grid, { byte, bit }: BitPlace): readonly [number, number] | undefined {
  const area = areas.find(({ first, end }) => byte >= first && byte < end);
  if (!area) return undefined;
  const at = (byte - area.first) * 8 + bit;
  return [(at % columns) * cell, area.top + Math.floor(at / columns) * cell];
}

interface Scene {
  readonly grid: Grid;
  readonly bytes: Uint8Array;
  readonly outlined: readonly BitPlace[];
  readonly looked: BitPlace;
  readonly colours: FillColours;
}

export function paintGrid(context: CanvasRenderingContext2D, { grid, bytes, outlined, looked, colours }: Scene): void {
  const { cell, columns } = grid;
  context.font = '11px ui-monospace, monospace';
  context.textBaseline = 'middle';
  for (const { name, first, end, top, rows } of grid.areas) {
    context.fillStyle = colours['text-soft'];
    context.fillText(`0x${first.toString(16).padStart(3, '0')}: ${name}`, 0, top - LABEL / 2);
    context.fillStyle = colours['surface-2'];
    context.fillRect(0, top, columns * cell, rows * cell);
    context.fillStyle = colours.accent;
    for (let bit = 0; bit < (end - first) * 8; bit++) {
      const place = { byte: first + (bit >>> 3), bit: bit & 7 };
      if (isIntercepted(bytes, place)) continue;
      context.fillRect((bit % columns) * cell, top + Math.floor(bit / columns) * cell, cell, cell);
    }
    context.strokeStyle = colours.line;
    context.lineWidth = 1;
    context.strokeRect(0.5, top + 0.5, columns * cell - 1, rows * cell - 1);
  }
  for (const place of outlined) outline(context, grid, place, colours.alert, 4);
  outline(context, grid, looked, colours.text, 2);
}

function outline(context: CanvasRenderingContext2D, grid: Grid, place: BitPlace, colour: string, room: number): void {
  const corner = cornerOf(grid, place);
  if (!corner) return;
  context.strokeStyle = colour;
  context.lineWidth = 1.5;
  context.strokeRect(corner[0] - room, corner[1] - room, grid.cell + 2 * room, grid.cell + 2 * room);
}
