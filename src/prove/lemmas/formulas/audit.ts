/** Where src/fuzz/audit.ts expects intercept bits, as terms: the layouts of SDM and APM, written a second time. */
import { uint32 } from '../javascript.ts';
import { type BitVec, bv, bvadd, bvlshr, bvmul, bvsub, bvult, eq, ite } from '../term.ts';

/** bitPosition('vmx') of an index in the bitmap. */
export function vmxPosition(index: BitVec, type: BitVec): BitVec {
  const low = bvult(index, 0x2000);
  const offset = ite(low, index, bvadd(bv(0x400 * 8, 32), bvsub(index, 0xc000_0000)));
  return bvadd(ite(eq(type, 0), bv(0, 32), 0x800 * 8), offset);
}

/** bitPosition('svm') of an index in the map. */
export function svmPosition(index: BitVec, type: BitVec): BitVec {
  const block = bvlshr(index, 13);
  const first = ite(eq(block, 0), bv(0, 32), ite(eq(block, 0xc000_0000 >>> 13), bv(0xc000_0000, 32), 0xc001_0000));
  const window = ite(eq(block, 0), bv(0, 32), ite(eq(block, 0xc000_0000 >>> 13), bv(1, 32), 2));
  return bvadd(bvadd(bvmul(window, 0x800 * 8), bvmul(bvsub(index, first), 2)), uint32(type));
}
