/**
 * The whole line on one strip, not to scale: 2^32 MSRs are mostly empty, so the windows in which there are any get most
 * of the room, and what lies between them a little.
 */
import { LINE_END, type Viewport } from './viewport.ts';

export interface Piece {
  readonly first: number;
  readonly end: number;
  /** Share of the strip, left edge and width. */
  readonly left: number;
  readonly share: number;
  /** Whether it is one of the windows. */
  readonly window: boolean;
}

/** First index, end and weight: architectural MSRs, Hyper-V, KVM, AMD and x86-64, AMD. */
const WINDOWS = [
  [0x0, 0x3000, 6],
  [0x4000_0000, 0x4000_1000, 1.5],
  [0x4b56_4d00, 0x4b56_4e00, 1],
  [0xc000_0000, 0xc000_2000, 3.5],
  [0xc001_0000, 0xc001_2000, 3.5],
] as const;
const GAP_WEIGHT = 0.5;

function pieces(): Piece[] {
  const parts: { first: number; end: number; weight: number; window: boolean }[] = [];
  let at = 0;
  for (const [first, end, weight] of WINDOWS) {
    if (first > at) parts.push({ first: at, end: first, weight: GAP_WEIGHT, window: false });
    parts.push({ first, end, weight, window: true });
    at = end;
  }
  parts.push({ first: at, end: LINE_END, weight: GAP_WEIGHT, window: false });
  const total = parts.reduce((sum, { weight }) => sum + weight, 0);
  let left = 0;
  return parts.map(({ first, end, weight, window }) => {
    const piece = { first, end, left, share: weight / total, window };
    left += piece.share;
    return piece;
  });
}

/** All of the line, ascending. */
export const PIECES: readonly Piece[] = pieces();

/** Where an index is, as a share of the strip's width; LINE_END is 1. */
export function shareOf(index: number): number {
  const piece = PIECES.find(({ end }) => index < end);
  return piece ? piece.left + (piece.share * (index - piece.first)) / (piece.end - piece.first) : 1;
}

/** The MSR at a share of the strip. */
export function indexAtShare(share: number): number {
  const piece = PIECES.findLast(({ left }) => left <= share) ?? PIECES[0]!;
  const within = Math.min(1, Math.max(0, (share - piece.left) / piece.share));
  return Math.min(piece.end - 1, Math.floor(piece.first + within * (piece.end - piece.first)));
}

/** The viewport to go to when the strip is pressed there: as wide as it was, but no wider than the piece. */
export function viewAtShare(share: number, view: Viewport): Viewport {
  const index = indexAtShare(share);
  const piece = PIECES.find(({ end }) => index < end)!;
  const span = Math.min(view.span, piece.end - piece.first);
  return { start: index - span / 2, span };
}
