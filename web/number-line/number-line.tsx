/**
 * The picture of a filter on the line of all MSR indices: one lane for each range, in the order in which the first match
 * decides; below them what that comes to, and the accesses. The table of ranges says the same in words.
 */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { MsrFilter } from '../../src/model/filter.ts';
import { FILL_COLOURS, prepare } from '../parts/patterns.ts';
import { useCatalogue } from '../parts/use-catalogue.ts';
import { useColours } from '../parts/use-colours.ts';
import { useWidth } from '../parts/use-width.ts';
import { describeMsr } from './describe.ts';
import { GUTTER, laneAt, rowsOf } from './geometry.ts';
import { Minimap } from './minimap-strip.tsx';
import { paint } from './paint.ts';
import { type Marker, pictureOf } from './picture.ts';
import { useGestures } from './use-gestures.ts';
import { clamped, fitting, indexAt, panned, type Viewport, WHOLE_LINE, zoomed } from './viewport.ts';

interface NumberLineProps {
  readonly filter: MsrFilter;
  readonly markers: readonly Marker[];
  /** Called for the bit of a range that is pressed; absent: the filter cannot be edited here. */
  readonly onToggle?: ((slot: number, index: number) => void) | undefined;
}

const ZOOM_STEP = 2;
const PAN_STEP = 0.2;
/** A bit that is narrower cannot be aimed at. */
const TOGGLE_PX = 6;

export function NumberLine({ filter, markers, onToggle }: NumberLineProps) {
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const width = Math.max(0, useWidth(box) - GUTTER);
  const colours = useColours(FILL_COLOURS);
  const catalogue = useCatalogue();
  const [view, setView] = useState<Viewport>();
  const [hover, setHover] = useState<number>();
  const [focused, setFocused] = useState(false);
  const [lane, setLane] = useState(0);
  const picture = useMemo(() => pictureOf(filter, markers), [filter, markers]);
  const rows = rowsOf(picture.lanes.length);
  const shown = clamped(view ?? startView(filter, markers, width), Math.max(1, width));
  const centre = indexAt(shown, Math.max(1, width), width / 2);
  const looked = hover ?? (focused ? centre : undefined);

  useEffect(() => {
    if (!canvas.current || width === 0) return;
    const context = prepare(canvas.current, width + GUTTER, rows.height);
    const names = catalogue?.rows ?? [];
    paint(context, {
      picture,
      rows,
      view: shown,
      width,
      colours,
      names,
      cursor: looked,
      lane: focused ? lane : undefined,
    });
  });

  const toggle = (slot: number, index: number): void => {
    const bits = picture.bits[slot];
    if (onToggle && bits && index >= bits.range.base && index < bits.end) onToggle(slot, index);
  };
  useGestures(canvas, {
    view: shown,
    width,
    onView: setView,
    onHover: (x) => setHover(x === undefined || x < 0 ? undefined : indexAt(shown, width, x)),
    onPress: (x, y) => {
      const pressed = laneAt(rows, picture.bits.length, y);
      if (pressed === undefined) return;
      setLane(pressed);
      if (x >= 0 && width / shown.span >= TOGGLE_PX) toggle(pressed, indexAt(shown, width, x));
    },
  });
  const zoom = (factor: number): void => setView(zoomed(shown, width, factor, width / 2));
  const lookAt = (first: number, last: number): void => setView(fitting(first, last, width));

  const press = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = (by: number): void => setView(panned(shown, width, by));
    const actions: Readonly<Record<string, () => void>> = {
      '+': () => zoom(1 / ZOOM_STEP),
      '=': () => zoom(1 / ZOOM_STEP),
      '-': () => zoom(ZOOM_STEP),
      ArrowLeft: () => step(event.shiftKey ? -1 / shown.span : -PAN_STEP),
      ArrowRight: () => step(event.shiftKey ? 1 / shown.span : PAN_STEP),
      ArrowUp: () => setLane(Math.max(0, lane - 1)),
      ArrowDown: () => setLane(Math.min(picture.bits.length - 1, lane + 1)),
      Home: () => setView(WHOLE_LINE),
      ' ': () => toggle(lane, centre),
    };
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  };
  const differing = markers.find(({ differs }) => differs);
  return (
    <div class="number-line">
      <div class="toolbar" role="toolbar" aria-label="View of the MSR line">
        <button type="button" onClick={() => zoom(1 / ZOOM_STEP)} aria-label="Zoom in">
          +
        </button>
        <button type="button" onClick={() => zoom(ZOOM_STEP)} aria-label="Zoom out">
          −
        </button>
        <button type="button" onClick={() => setView(WHOLE_LINE)}>
          All
        </button>
        {picture.bits.map(({ range, end }, slot) => (
          <button key={slot} type="button" disabled={range.nmsrs === 0} onClick={() => lookAt(range.base, end - 1)}>
            Range {slot}
          </button>
        ))}
        {differing && (
          <button type="button" onClick={() => lookAt(differing.index, differing.index)}>
            What differs
          </button>
        )}
      </div>
      <div ref={box}>
        <Minimap picture={picture} view={shown} width={width + GUTTER} colours={colours} onView={setView} />
        {/* biome-ignore lint/a11y/noInteractiveElementToNoninteractiveRole: it takes keys and pointers */}
        <canvas
          ref={canvas}
          class="line-canvas"
          role="application"
          tabIndex={0}
          aria-label="Filter on the MSR line. Plus and minus zoom, arrows move, Home shows all. The table of ranges has the same in words."
          onKeyDown={press}
          onFocus={() => setFocused(true)}
          onBlur={() => setFocused(false)}
        />
      </div>
      <output class="readout">
        {looked === undefined ? hint(onToggle !== undefined) : describeMsr(picture, looked, catalogue?.nameOf(looked))}
      </output>
      <Legend />
    </div>
  );
}

function hint(editable: boolean): string {
  const toggle = editable ? '; press a bit to toggle it' : '';
  return `Drag to move, + and − or the wheel (once chosen) to zoom${toggle}.`;
}

/** The accesses and the ranges near them, or else all ranges. */
function startView(filter: MsrFilter, markers: readonly Marker[], width: number): Viewport {
  const differing = markers.filter(({ differs }) => differs);
  const [first] = differing.length > 0 ? differing : markers;
  if (first) {
    const range = filter.ranges.find(({ base, nmsrs }) => first.index >= base - 64 && first.index <= base + nmsrs + 64);
    const [from, to] =
      range && range.nmsrs <= 0x3000 ? [range.base, range.base + range.nmsrs - 1] : [first.index, first.index];
    return fitting(Math.max(0, Math.min(from, first.index)), Math.max(to, first.index), width);
  }
  const [range] = filter.ranges;
  return range && range.nmsrs > 0 ? fitting(range.base, range.base + range.nmsrs - 1, width) : WHOLE_LINE;
}

function Legend() {
  return (
    <ul class="legend" aria-label="Legend">
      <li class="swatch-allow">A allowed</li>
      <li class="swatch-deny">D denied</li>
      <li class="swatch-mixed">both</li>
      <li class="swatch-exempt">x2APIC window, not filtered</li>
      <li class="swatch-unmapped">no bitmap bytes</li>
      <li>▲ RDMSR ▼ WRMSR</li>
      <li>result: first match, or the default</li>
    </ul>
  );
}
