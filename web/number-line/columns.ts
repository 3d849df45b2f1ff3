/** From what is said of stretches of MSRs to runs of equal pixel columns. */
import { Cell } from './range-bits.ts';
import { columnAt, type Viewport } from './viewport.ts';

export interface ColumnRun {
  /** First pixel column and number of columns. */
  readonly x: number;
  readonly width: number;
  readonly cell: Cell;
}

/** Runs of columns that are drawn alike, those without anything left out. `width`: whole pixels. */
export function columnRuns(view: Viewport, width: number, cell: (first: number, end: number) => Cell): ColumnRun[] {
  const runs: ColumnRun[] = [];
  let [start, current]: [number, Cell] = [0, Cell.NONE];
  for (let x = 0; x <= width; x++) {
    const here = x < width ? cell(...columnAt(view, width, x)) : undefined;
    if (here === current) continue;
    if (current !== Cell.NONE) runs.push({ x: start, width: x - start, cell: current });
    if (here !== undefined) [start, current] = [x, here];
  }
  return runs;
}
