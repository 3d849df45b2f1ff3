/** Wheel, drag and pinch on the line. */
import type { RefObject } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { GUTTER } from './geometry.ts';
import { panned, type Viewport, zoomed } from './viewport.ts';

interface Gestures {
  readonly view: Viewport;
  readonly width: number;
  readonly onView: (view: Viewport) => void;
  /** The pointer is there, in CSS pixels of the line; undefined: it has left. */
  readonly onHover: (x: number | undefined, y: number) => void;
  /** Pressed and released at the same place. */
  readonly onPress: (x: number, y: number) => void;
}

/** How far a pointer may stray in a press. */
const PRESS_PX = 4;

export function useGestures(canvas: RefObject<HTMLCanvasElement | null>, gestures: Gestures): void {
  const latest = useRef(gestures);
  latest.current = gestures;
  useEffect(() => {
    const target = canvas.current;
    if (!target) return;
    const pointers = new Map<number, { x: number; y: number; fromX: number; fromY: number; moved: boolean }>();
    const place = (event: MouseEvent): [number, number] => {
      const box = target.getBoundingClientRect();
      return [event.clientX - box.left - GUTTER, event.clientY - box.top];
    };
    const wheel = (event: WheelEvent): void => {
      // The page scrolls over the picture until it has been chosen; a pinch on a touchpad comes with ctrlKey.
      if (!event.ctrlKey && document.activeElement !== target) return;
      event.preventDefault();
      const { view, width, onView } = latest.current;
      const [x] = place(event);
      const sideways = event.shiftKey ? event.deltaY : event.deltaX;
      if (Math.abs(sideways) > Math.abs(event.shiftKey ? 0 : event.deltaY))
        onView(panned(view, width, sideways / width));
      else onView(zoomed(view, width, Math.exp(event.deltaY * (event.ctrlKey ? 0.01 : 0.002)), Math.max(0, x)));
    };
    const down = (event: PointerEvent): void => {
      const [x, y] = place(event);
      pointers.set(event.pointerId, { x, y, fromX: x, fromY: y, moved: false });
      target.setPointerCapture(event.pointerId);
    };
    const move = (event: PointerEvent): void => {
      const { view, width, onView, onHover } = latest.current;
      const [x, y] = place(event);
      const pointer = pointers.get(event.pointerId);
      if (!pointer) {
        onHover(x, y);
        return;
      }
      const before = pointer.x;
      const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
      if (Math.hypot(x - pointer.fromX, y - pointer.fromY) > PRESS_PX) pointer.moved = true;
      [pointer.x, pointer.y] = [x, y];
      if (!pointer.moved) return;
      if (!other) {
        onView(panned(view, width, (before - x) / width));
        return;
      }
      other.moved = true;
      const [was, is] = [Math.abs(before - other.x), Math.abs(x - other.x)];
      if (was > 8 && is > 8) onView(zoomed(view, width, was / is, (x + other.x) / 2));
    };
    const up = (event: PointerEvent): void => {
      const pointer = pointers.get(event.pointerId);
      pointers.delete(event.pointerId);
      if (pointer && !pointer.moved && event.type === 'pointerup') latest.current.onPress(pointer.x, pointer.y);
    };
    const leave = (): void => latest.current.onHover(undefined, 0);
    target.addEventListener('wheel', wheel, { passive: false });
    target.addEventListener('pointerdown', down);
    target.addEventListener('pointermove', move);
    target.addEventListener('pointerup', up);
    target.addEventListener('pointercancel', up);
    target.addEventListener('pointerleave', leave);
    return () => {
      target.removeEventListener('wheel', wheel);
      target.removeEventListener('pointerdown', down);
      target.removeEventListener('pointermove', move);
      target.removeEventListener('pointerup', up);
      target.removeEventListener('pointercancel', up);
      target.removeEventListener('pointerleave', leave);
    };
  }, [canvas]);
}
