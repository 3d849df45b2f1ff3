/** Preloaded: Date is off by the seconds that the file MSRDIFF_CLOCK says, in every thread. */
import { readFileSync } from 'node:fs';

const RealDate = Date;
const file = process.env.MSRDIFF_CLOCK;

function now() {
  // Empty while it is being written.
  return RealDate.now() + Number(readFileSync(file, 'utf8') || 0) * 1000;
}

globalThis.Date = class JumpingDate extends RealDate {
  constructor(...args) {
    if (args.length === 0) super(now());
    else super(...args);
  }

  static now() {
    return now();
  }
};
