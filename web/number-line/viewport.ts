/** The part of the line of MSR indices that is seen. Numbers of MSRs may be fractions; widths are in CSS pixels. */

/** One past the last MSR index. */
export const LINE_END = 2 ** 32;
/** Nearest that one can look: width of one MSR. */
export const MAX_PIXELS_PER_MSR = 40;

export interface Viewport {
  /** MSR index at the left edge. */
  readonly start: number;
  /** MSRs from edge to edge. */
  readonly span: number;
}

export const WHOLE_LINE: Viewport = { start: 0, span: LINE_END };

/** The nearest viewport that shows nothing beyond the line and is not nearer than possible. */
export function clamped({ start, span }: Viewport, width: number): Viewport {
  const least = Math.max(1, width / MAX_PIXELS_PER_MSR);
  const wide = Math.min(LINE_END, Math.max(least, span));
  return { start: Math.min(LINE_END - wide, Math.max(0, start)), span: wide };
}

/** `factor` below 1 looks nearer; the MSR at pixel `x` stays there, as far as the ends of the line permit. */
export function zoomed(view: Viewport, width: number, factor: number, x: number): Viewport {
  const span = clamped({ start: 0, span: view.span * factor }, width).span;
  const part = x / width;
  return clamped({ start: view.start + (view.span - span) * part, span }, width);
}

/** Moves right by a share of what is seen. */
export function panned(view: Viewport, width: number, share: number): Viewport {
  return clamped({ start: view.start + view.span * share, span: view.span }, width);
}

/** Both MSRs, with some room around them. */
export function fitting(first: number, last: number, width: number): Viewport {
  const margin = Math.max(2, (last - first + 1) * 0.08);
  const wanted = last - first + 1 + 2 * margin;
  const { span } = clamped({ start: 0, span: wanted }, width);
  return clamped({ start: (first + last + 1 - span) / 2, span }, width);
}

/** Left edge of an MSR, in pixels; outside 0 to `width` if it is not seen. */
export function pixelOf(view: Viewport, width: number, index: number): number {
  return ((index - view.start) / view.span) * width;
}

/** The MSR under a pixel. */
export function indexAt(view: Viewport, width: number, x: number): number {
  return Math.min(LINE_END - 1, Math.max(0, Math.floor(view.start + (x / width) * view.span)));
}

/** MSRs [first, end) that a pixel column stands for: at least one, and no MSR in two columns unless it is wider. */
export function columnAt(view: Viewport, width: number, x: number): readonly [first: number, end: number] {
  const first = indexAt(view, width, x);
  return [first, Math.min(LINE_END, Math.max(first + 1, Math.floor(view.start + ((x + 1) / width) * view.span)))];
}

/** Round indices to label, a power of two apart and at least `room` pixels from each other. */
export function axisLabels(view: Viewport, width: number, room: number): number[] {
  let step = 1;
  while ((step / view.span) * width < room) step *= 2;
  // Steps of 16 ** n read best in hex; what falls between them is taken when there is room only.
  const labels: number[] = [];
  for (let at = Math.ceil(view.start / step) * step; at < view.start + view.span && at < LINE_END; at += step) {
    labels.push(at);
  }
  return labels;
}
