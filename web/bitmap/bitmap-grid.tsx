/** An intercept page as a grid: all of its bits, those of the MSR in question outlined, and one bit told in words. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { hex } from '../../src/model/json-fields.ts';
import type { BitmapPage } from '../../src/web/api.ts';
import { FILL_COLOURS, prepare } from '../parts/patterns.ts';
import { useCatalogue } from '../parts/use-catalogue.ts';
import { useColours } from '../parts/use-colours.ts';
import { useWidth } from '../parts/use-width.ts';
import { type BitPlace, isIntercepted, msrOf, placeOf } from './layout.ts';
import { bitAt, gridOf, paintGrid } from './paint-grid.ts';

interface BitmapGridProps {
  readonly page: BitmapPage;
  /** The MSR in question, whose bits are outlined. */
  readonly index: number | undefined;
  readonly write: boolean;
}

export function BitmapGrid({ page, index, write }: BitmapGridProps) {
  const { vendor } = page;
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const width = useWidth(box);
  const colours = useColours(FILL_COLOURS);
  const catalogue = useCatalogue();
  const bytes = useMemo(() => Uint8Array.from(atob(page.bytes), (character) => character.charCodeAt(0)), [page.bytes]);
  const outlined = useMemo(() => {
    const places = index === undefined ? [] : [false, true].map((way) => placeOf(vendor, { index, write: way }));
    return places.filter((place) => place !== undefined);
  }, [vendor, index]);
  const asked = index === undefined ? undefined : placeOf(vendor, { index, write });
  const [chosen, setChosen] = useState<BitPlace>();
  const looked = chosen ?? asked ?? { byte: 0, bit: 0 };
  const grid = gridOf(vendor, width);

  useEffect(() => {
    if (!canvas.current || width === 0) return;
    paintGrid(prepare(canvas.current, grid.width, grid.height), { grid, bytes, outlined, looked, colours });
  });

  const move = (bits: number): void => {
    const at = looked.byte * 8 + looked.bit + bits;
    const place = { byte: at >>> 3, bit: at & 7 };
    if (at >= 0 && msrOf(vendor, place)) setChosen(place);
  };
  const press = (event: KeyboardEvent): void => {
    const steps: Readonly<Record<string, number>> = {
      ArrowLeft: -1,
      ArrowRight: 1,
      ArrowUp: -grid.columns,
      ArrowDown: grid.columns,
      PageUp: -grid.columns * 8,
      PageDown: grid.columns * 8,
    };
    const step = steps[event.key];
    if (event.key === 'Home') setChosen(undefined);
    else if (step !== undefined) move(step);
    else return;
    event.preventDefault();
  };
  const hover = (event: PointerEvent): void => {
    const area = canvas.current!.getBoundingClientRect();
    const place = bitAt(grid, event.clientX - area.left, event.clientY - area.top);
    if (place) setChosen(place);
  };
  const told = msrOf(vendor, looked)!;
  const name = catalogue?.nameOf(told.index);
  return (
    <figure class="bitmap">
      <figcaption>
        {vendor === 'vmx' ? 'VMX MSR bitmap, 4 KiB' : 'SVM MSR permissions map, 8 KiB (the last 2 KiB are reserved)'} of{' '}
        <b>{page.engine}</b>
        {index !== undefined && asked === undefined && `: ${hex(index)} is outside of it, and always intercepted`}
      </figcaption>
      <div ref={box}>
        {/* biome-ignore lint/a11y/noInteractiveElementToNoninteractiveRole: it takes keys and pointers */}
        <canvas
          ref={canvas}
          role="application"
          tabIndex={0}
          aria-label={`Intercept bits of ${page.engine}. Arrows move from bit to bit, Home returns to the MSR in question.`}
          onKeyDown={press}
          onPointerMove={hover}
          onPointerDown={hover}
        />
      </div>
      <output class="readout">
        Byte 0x{looked.byte.toString(16).padStart(3, '0')} = 0x{(bytes[looked.byte] ?? 0).toString(16).padStart(2, '0')}
        , bit {looked.bit}: {told.write ? 'WRMSR' : 'RDMSR'} {hex(told.index)} {name} –{' '}
        <b>{isIntercepted(bytes, looked) ? 'intercepted (1)' : 'passed through (0)'}</b>
      </output>
      <ByteBits byte={bytes[looked.byte] ?? 0xff} chosen={looked.bit} />
      <ul class="legend" aria-label="Legend">
        <li class="swatch-one">1 intercepted</li>
        <li class="swatch-zero">0 passed through</li>
        <li>outlined: the MSR in question</li>
      </ul>
    </figure>
  );
}

/** One byte, most significant bit first. The line above says the same of the bit that is outlined. */
function ByteBits({ byte, chosen }: { readonly byte: number; readonly chosen: number }) {
  return (
    <div class="byte" aria-hidden="true">
      {[7, 6, 5, 4, 3, 2, 1, 0].map((bit) => (
        <span key={bit} class={`bit bit-${(byte >>> bit) & 1} ${bit === chosen ? 'chosen' : ''}`}>
          <small>{bit}</small>
          {(byte >>> bit) & 1}
        </span>
      ))}
    </div>
  );
}
