import { describe, expect } from 'vitest';
import { bitPosition } from '../../../fuzz/audit.ts';
import { anyType, anyU32, forAll, tie, typeBit, u32, unsigned } from '../tie.fixture.ts';
import * as formulas from './audit.ts';

describe('formulas of the bitmap audit', () => {
  const same = (vendor: 'vmx' | 'svm', position: typeof formulas.vmxPosition) => (): void =>
    forAll(
      [anyU32, anyType],
      (index, type) => {
        const expected = bitPosition(vendor, index, type);
        if (expected >= 0) expect(unsigned(position(u32(index), typeBit(type)))).toBe(expected);
      },
      1000,
    );

  tie<typeof formulas>({
    vmxPosition: same('vmx', formulas.vmxPosition),
    svmPosition: same('svm', formulas.svmPosition),
  });
});
