/** Fills of the pictures: each has a pattern of its own, so that nothing is told by colour alone. */

export type Patterned = 'allow' | 'deny' | 'mixed' | 'unmapped' | 'exempt';
export type Fill = CanvasPattern | string;

export const FILL_COLOURS = [
  'allow',
  'allow-ink',
  'deny',
  'deny-ink',
  'surface-2',
  'line',
  'line-soft',
  'text',
  'text-soft',
  'accent',
  'alert',
  'surface',
] as const;
export type FillColours = Readonly<Record<(typeof FILL_COLOURS)[number], string>>;

/** Allowed is plain, denied hatched, a mixture both side by side; no bytes is crossed, no filter dotted. */
export function fills(context: CanvasRenderingContext2D, colours: FillColours): Record<Patterned, Fill> {
  const tile = (size: number, ground: string, draw: (tile: CanvasRenderingContext2D) => void): Fill => {
    const canvas = document.createElement('canvas');
    canvas.width = size;
    canvas.height = size;
    const target = canvas.getContext('2d')!;
    target.fillStyle = ground;
    target.fillRect(0, 0, size, size);
    draw(target);
    return context.createPattern(canvas, 'repeat') ?? ground;
  };
  const strokes = (colour: string, ...lines: readonly (readonly [number, number, number, number])[]) => {
    return (target: CanvasRenderingContext2D): void => {
      target.strokeStyle = colour;
      target.lineWidth = 1.2;
      for (const [x, y, toX, toY] of lines) {
        target.beginPath();
        target.moveTo(x, y);
        target.lineTo(toX, toY);
        target.stroke();
      }
    };
  };
  const hatch = [
    [-1, 7, 7, -1],
    [-1, 1, 1, -1],
    [5, 7, 7, 5],
  ] as const;
  return {
    allow: colours.allow,
    deny: tile(6, colours.deny, strokes(colours['deny-ink'], ...hatch)),
    mixed: tile(4, colours.allow, (target) => {
      target.fillStyle = colours['deny-ink'];
      target.fillRect(0, 0, 2, 2);
      target.fillRect(2, 2, 2, 2);
    }),
    unmapped: tile(8, colours['surface-2'], strokes(colours['text-soft'], [1, 1, 7, 7], [7, 1, 1, 7])),
    exempt: tile(6, colours['surface-2'], (target) => {
      target.fillStyle = colours['text-soft'];
      target.fillRect(2, 2, 1.5, 1.5);
    }),
  };
}

/** Fits a canvas to a size in CSS pixels on this screen, and clears it. */
export function prepare(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D {
  const ratio = devicePixelRatio || 1;
  const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== wide) canvas.width = wide;
  if (canvas.height !== high) canvas.height = high;
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext('2d')!;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}
