import { useEffect, useRef } from 'preact/hooks';
import { type FillColours, prepare } from '../parts/patterns.ts';
import { viewAtShare } from './minimap.ts';
import { paintStrip, STRIP } from './paint-minimap.ts';
import type { Picture } from './picture.ts';
import type { Viewport } from './viewport.ts';

interface MinimapProps {
  readonly picture: Picture;
  readonly view: Viewport;
  /** In CSS pixels. */
  readonly width: number;
  readonly colours: FillColours;
  readonly onView: (view: Viewport) => void;
}

/** The whole line, not to scale. For pointers only: the keys and buttons of the line get everywhere. */
export function Minimap({ picture, view, width, colours, onView }: MinimapProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    if (!canvas.current || width === 0) return;
    paintStrip(prepare(canvas.current, width, STRIP), { picture, view, width, colours });
  }, [picture, view, width, colours]);
  const go = (event: PointerEvent): void => {
    const box = canvas.current!.getBoundingClientRect();
    if (event.buttons === 1) onView(viewAtShare((event.clientX - box.left) / box.width, view));
  };
  // biome-ignore lint/a11y/noAriaHiddenOnFocusable: nothing focuses a canvas without a tab index
  return <canvas ref={canvas} class="strip" aria-hidden="true" onPointerDown={go} onPointerMove={go} />;
}
