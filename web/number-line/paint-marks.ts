/** Draws the accesses below the lanes: where they are, which way, and what they came to. */
import type { FillColours } from '../parts/patterns.ts';
import type { Rows } from './geometry.ts';
import type { Marker } from './picture.ts';
import { pixelOf, type Viewport } from './viewport.ts';

interface MarkScene {
  readonly picture: { readonly markers: readonly Marker[] };
  readonly rows: Rows;
  readonly view: Viewport;
  readonly width: number;
  readonly colours: FillColours;
}

/** Accesses that share a pixel. */
interface Mark {
  readonly x: number;
  readonly markers: readonly Marker[];
  readonly differs: boolean;
}

const FONT = '10px ui-monospace, monospace';
/** Width of an MSR from which on a frame goes around it, so that the letters of its bits can be read. */
const FRAME_PX = 8;

export function paintMarks(context: CanvasRenderingContext2D, scene: MarkScene): void {
  // The ones that differ are drawn last, so that nothing hides them, and are labelled first.
  const marks = marksOf(scene).sort((a, b) => Number(a.differs) - Number(b.differs));
  for (const mark of marks) paintMark(context, scene, mark);
  const taken: (readonly [left: number, right: number])[] = [];
  for (const mark of marks.toReversed()) paintLabel(context, scene, mark, taken);
}

function marksOf({ picture, view, width }: MarkScene): Mark[] {
  const byPixel = new Map<number, Marker[]>();
  for (const marker of picture.markers) {
    if (marker.index + 1 < view.start || marker.index > view.start + view.span) continue;
    const x = Math.round(pixelOf(view, width, marker.index + 0.5));
    const others = byPixel.get(x);
    if (others) others.push(marker);
    else byPixel.set(x, [marker]);
  }
  return [...byPixel].map(([x, markers]) => ({ x, markers, differs: markers.some(({ differs }) => differs) }));
}

function paintMark(context: CanvasRenderingContext2D, { rows, colours, view, width }: MarkScene, mark: Mark): void {
  const { x, markers, differs } = mark;
  const top = rows.accesses;
  context.fillStyle = differs ? colours.alert : colours.text;
  if (differs) {
    const perMsr = width / view.span;
    context.strokeStyle = colours.alert;
    context.lineWidth = 2;
    if (perMsr >= FRAME_PX) context.strokeRect(x - perMsr / 2, rows.vmx, perMsr, top - rows.vmx);
    else context.fillRect(x - 1, rows.vmx, 2, top - rows.vmx);
  }
  // A read points up, out of the register; a write down, into it.
  if (markers.some(({ write }) => !write)) triangle(context, x - 3, top + 1, top + 9);
  if (markers.some(({ write }) => write)) triangle(context, x + 3, top + 9, top + 1);
}

function triangle(context: CanvasRenderingContext2D, x: number, tip: number, foot: number): void {
  context.beginPath();
  context.moveTo(x, tip);
  context.lineTo(x - 4, foot);
  context.lineTo(x + 4, foot);
  context.fill();
}

function paintLabel(
  context: CanvasRenderingContext2D,
  { rows, colours }: MarkScene,
  { x, markers, differs }: Mark,
  taken: (readonly [left: number, right: number])[],
): void {
  context.font = differs ? `bold ${FONT}` : FONT;
  const label = markLabel(markers);
  const half = context.measureText(label).width / 2 + 3;
  if (taken.some(([left, right]) => x - half < right && x + half > left)) return;
  taken.push([x - half, x + half]);
  context.textAlign = 'center';
  context.fillStyle = differs ? colours.alert : colours.text;
  context.fillText(label, x, rows.accesses + 18);
}

/** `R gp`, `W allow`, `RW gp`, `R gp W allow`; a number where there are more. */
export function markLabel(markers: readonly Pick<Marker, 'write' | 'verdict'>[]): string {
  const of = (way: boolean): string[] => [
    ...new Set(markers.filter(({ write }) => write === way).map(({ verdict }) => verdict ?? '')),
  ];
  const [reads, writes] = [of(false), of(true)];
  if (reads.length > 1 || writes.length > 1) return `${markers.length} accesses`;
  if (writes.length === 0) return `R ${reads[0]}`;
  if (reads.length === 0) return `W ${writes[0]}`;
  return reads[0] === writes[0] ? `RW ${reads[0]}` : `R ${reads[0]} W ${writes[0]}`;
}
