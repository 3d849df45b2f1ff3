/** vmx's sets of slots: which slots are looked at, and in which order. */
import * as vmx from './formulas/vmx.ts';
import { bitAt, shiftLeft } from './javascript.ts';
import type { Lemma } from './lemma.ts';
import { and, bv, bvand, bvnot, bvsub, bvule, bvult, distinct, eq, ite, not, variable } from './term.ts';

const slots = variable('slots', 32);
const slot = variable('slot', 32);
const other = variable('other', 32);
const lowest = vmx.lowestSlot(slots);
const bit = shiftLeft(bv(1, 32), lowest);

const lowestSlot: Lemma = {
  id: 'lowest-slot',
  title: 'slots are looked at from the lowest on, each once',
  statement:
    'For a set of 16 slots that is not empty, 31 - clz32(slots & -slots) is in the set, nothing below it is, and ' +
    'slots & (slots - 1) is the set without it: the first slot that covers the index is the first match ' +
    '(kvm_msr_allowed() scans in slot order).',
  code: 'src/engines/vmx.ts VmxFilter.slotFor()',
  variables: [slots],
  assumptions: [distinct(slots, 0), bvult(slots, 0x1_0000)],
  goal: and(
    bvult(lowest, 16),
    eq(bitAt(slots, lowest), 1),
    eq(bvand(slots, bvsub(bit, 1)), 0),
    eq(vmx.otherSlots(slots), bvand(slots, bvnot(bit))),
  ),
};

const slotSet: Lemma = {
  id: 'slot-set',
  title: 'adding a slot to a set leaves the others',
  statement: 'slots | 1 << slot, kept in 16 bits, has the slot and, of the other slots, those that it had.',
  code: 'src/engines/vmx.ts VmxFilter.add()',
  variables: [slots, slot, other],
  assumptions: [bvult(slots, 0x1_0000), bvult(slot, 16), bvult(other, 16)],
  goal: and(
    eq(bitAt(vmx.withSlot(slots, slot), other), ite(eq(slot, other), bv(1, 1), bitAt(slots, other))),
    bvult(vmx.withSlot(slots, slot), 0x1_0000),
  ),
};

const index = variable('index', 32);
const base = variable('base', 32);
const nmsrs = variable('nmsrs', 32);
const block = variable('block', 32);

const blockHash: Lemma = {
  id: 'block-hash',
  title: 'the hash never separates an MSR from the slots that cover it',
  statement:
    'If a range that does not wrap covers an index, index >>> 12 is among the blocks that are marked for the range, ' +
    'and the set of that block is the one that the lookup of the index reads.',
  code: 'src/engines/vmx.ts VmxFilter.add(), slotFor(), blockOf()',
  variables: [index, base, nmsrs, block],
  assumptions: [
    not(vmx.wraps(base, nmsrs)),
    vmx.covers(index, base, nmsrs),
    // The block that contains the index.
    bvule(shiftLeft(block, 12), index),
    bvult(bvsub(index, shiftLeft(block, 12)), 0x1000),
    bvult(block, 0x10_0000),
  ],
  goal: and(
    bvule(vmx.firstBlock(base), block),
    bvule(block, vmx.lastBlock(base, nmsrs)),
    eq(vmx.markedBlock(block), vmx.blockOf(index)),
    bvult(vmx.blockOf(index), 4096),
  ),
};

export const SLOT_LEMMAS: readonly Lemma[] = [lowestSlot, slotSet, blockHash];
