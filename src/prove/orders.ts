/**
 * Relative orders of range ends: what a filter decides depends on nothing else of its bases and lengths.
 *
 * An order of k ranges puts their 2k ends on levels 0, 1, ..., so that every level has an end on it and each range
 * starts below where it ends: a weak order of the ends. There are 1, 13 (Allen's relations), 409, 23,917, 2,244,361 of
 * them for 1 to 5 ranges (OEIS A055203). A fixed boundary of the index space joins as one more point, a window as one
 * more interval.
 */

/** Two bytes per item, the levels of its start and end (of a point: the same twice), items in order. */
export type Order = Uint8Array;

/** An item that is inserted into an order. */
export type ItemKind = 'interval' | 'point';

const STRIDE = 2;

/** Levels of an order that has at least one item: they have no gaps. */
export function levelsOf(order: Order): number {
  let highest = -1;
  for (const level of order) if (level > highest) highest = level;
  return highest + 1;
}

/**
 * Every order that comes of inserting one more item into an order, each once. An end goes on a level, or between two.
 * Taking the item out again gives the order back, so that no order comes of two.
 *
 * Places are numbered 0 (below level 0), 1 (on it), 2 (above it), 3 (on level 1), ... The array given to `visit` is
 * reused.
 */
export function insert(order: Order, kind: ItemKind, visit: (longer: Order) => void): void {
  const places = 2 * levelsOf(order) + 1;
  const longer = new Uint8Array(order.length + STRIDE);
  for (let from = 0; from < places; from++) {
    if (kind === 'point') {
      place(order, longer, from, from, false);
      visit(longer);
      continue;
    }
    for (let to = from; to < places; to++) {
      // Two ends on one level are no range; between the same two levels they make two new ones.
      if (from === to && from % 2 === 1) continue;
      place(order, longer, from, to, true);
      visit(longer);
    }
  }
}

function place(order: Order, longer: Order, from: number, to: number, isInterval: boolean): void {
  const newFrom = from % 2 === 0 ? 1 : 0;
  const newTo = isInterval && to % 2 === 0 ? 1 : 0;
  const [fromLevel, toLevel] = [from >>> 1, to >>> 1];
  for (let i = 0; i < order.length; i++) {
    const level = order[i]!;
    // A level at or above a place moves up by the level that is made there.
    longer[i] = level + (level >= fromLevel ? newFrom : 0) + (level >= toLevel ? newTo : 0);
  }
  longer[order.length] = fromLevel;
  longer[order.length + 1] = isInterval ? toLevel + newFrom : fromLevel;
}

const cache = new Map<number, readonly Order[]>();

/** All orders of `ranges` intervals. Kept: those of 4 are 23,917, of 5 two million. */
export function intervalOrders(ranges: number): readonly Order[] {
  let orders = cache.get(ranges);
  if (!orders) {
    const made: Order[] = [];
    if (ranges === 0) made.push(new Uint8Array(0));
    else for (const shorter of intervalOrders(ranges - 1)) insert(shorter, 'interval', (o) => made.push(o.slice()));
    orders = made;
    cache.set(ranges, orders);
  }
  return orders;
}

/** 24 bits of an order: the sum over a set of orders tells sets apart (FNV-1a). */
export function orderHash(order: Order): number {
  let hash = 0x811c9dc5;
  for (const level of order) hash = Math.imul(hash ^ level, 0x01000193);
  return (hash ^ (hash >>> 15)) & 0xff_ffff;
}
