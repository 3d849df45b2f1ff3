/** Results of the ioctl as 8-bit two's complement: the engines' numbers are -22, -14 and 0. */
import * as filter from '../../../model/filter.ts';
import { bv } from '../term.ts';

export const NO_ERROR = bv(0, 8);
export const EFAULT = bv(filter.EFAULT, 8);
export const EINVAL = bv(filter.EINVAL, 8);
