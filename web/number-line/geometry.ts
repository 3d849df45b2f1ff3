/** Where things are in the picture, in CSS pixels. */

/** Labels of the lanes are left of the line. */
export const GUTTER = 64;
const AXIS = 20;
const NAMES = 16;
const HARDWARE = 13;
export const LANE = 22;
const ACCESSES = 40;

export interface Rows {
  readonly axis: number;
  readonly names: number;
  readonly vmx: number;
  readonly svm: number;
  readonly lanes: number;
  readonly accesses: number;
  readonly height: number;
}

/** Top edges. */
export function rowsOf(lanes: number): Rows {
  const names = AXIS;
  const vmx = names + NAMES;
  const svm = vmx + HARDWARE;
  const first = svm + HARDWARE + 4;
  const accesses = first + lanes * LANE + 4;
  return { axis: 0, names, vmx, svm, lanes: first, accesses, height: accesses + ACCESSES };
}

/** The lane at a height; undefined between and beyond them. */
export function laneAt(rows: Rows, lanes: number, y: number): number | undefined {
  const lane = Math.floor((y - rows.lanes) / LANE);
  return lane >= 0 && lane < lanes ? lane : undefined;
}
