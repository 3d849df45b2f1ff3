/**
 * The classes counted a second time, for checking certificates: not by inserting one item after the other, as the
 * prover does, but by trying every assignment of levels and keeping those that leave no level out.
 */
import type { Unit } from './classes.ts';
import { type Order, orderHash } from './orders.ts';

export interface OrderSet {
  readonly orders: number;
  /** Sum of `orderHash`. */
  readonly hash: number;
}

/** Orders of the unit's ranges and its frame's boundary. */
export function enumerate({ frame, ranges }: Unit): OrderSet {
  const items = ranges + (frame.boundary ? 1 : 0);
  const pointLast = frame.boundary === 'point';
  const order = new Uint8Array(items * 2);
  let orders = 0;
  let hash = 0;
  for (let levels = 1; levels <= items * 2; levels++) {
    const all = 2 ** levels - 1;
    const assign = (item: number, used: number): void => {
      if (item === items) {
        if (used !== all || (frame.admits !== undefined && !frame.admits(order as Order))) return;
        orders++;
        hash += orderHash(order);
        return;
      }
      // Each item can fill two levels at most.
      if (missing(all & ~used) > (items - item) * 2) return;
      const isPoint = pointLast && item === items - 1;
      for (let start = 0; start < levels; start++) {
        order[item * 2] = start;
        for (let end = isPoint ? start : start + 1; end < (isPoint ? start + 1 : levels); end++) {
          order[item * 2 + 1] = end;
          assign(item + 1, used | (1 << start) | (1 << end));
        }
      }
    };
    assign(0, 0);
  }
  return { orders, hash };
}

function missing(bits: number): number {
  let count = 0;
  for (let rest = bits; rest !== 0; rest &= rest - 1) count++;
  return count;
}

/**
 * The number of orders of so many intervals in closed form: all choices of two levels each, by inclusion and exclusion
 * over the levels left out. OEIS A055203.
 */
export function countOrders(intervals: number): number {
  let count = 0;
  for (let levels = 0; levels <= intervals * 2; levels++) {
    for (let left = 0; left <= levels; left++) {
      const sign = (levels - left) % 2 === 0 ? 1 : -1;
      count += sign * binomial(levels, left) * binomial(left, 2) ** intervals;
    }
  }
  return count;
}

function binomial(n: number, k: number): number {
  let value = 1;
  for (let i = 0; i < k; i++) value = (value * (n - i)) / (i + 1);
  return value;
}
