/** Mistakes in what an optimized engine remembers or compiles. Planted in the reference and interval engines. */
import { IntervalVm } from '../../src/engines/interval.ts';
import { IntervalMap, type IntervalSource, type OwnedInterval } from '../../src/engines/interval-map.ts';
import { ReferenceVm } from '../../src/engines/reference.ts';
import type { AccessType } from '../../src/model/verdict.ts';
import { ALLOW, access, bugsOf, cap, filter, R, RW, range, read, W, write } from './support.ts';

const CALLS = 'kvm_msr_allowed() is asked for every access, by index and type';
const COMPILED = 'compiled filters must decide as the scan of kvm_msr_allowed() does';

/** An engine that remembers the decision on the last index. */
abstract class MemoVm extends ReferenceVm {
  private key = -1;
  private answer = false;

  protected abstract keyOf(index: number, type: AccessType): number;

  override reset(): void {
    super.reset();
    this.key = -1;
  }

  protected forget(): void {
    this.key = -1;
  }

  override allows(index: number, type: AccessType): boolean {
    const key = this.keyOf(index, type);
    if (key !== this.key) {
      this.key = key;
      this.answer = super.allows(index, type);
    }
    return this.answer;
  }
}

export const STATE_BUGS = [
  ...bugsOf('state', 'reference', [
    {
      id: 'memo-type',
      title: 'the decision on the last MSR is remembered without the direction',
      cite: CALLS,
      smallest: 6,
      example: [
        filter(ALLOW, [range(0, R)]),
        access([
          ['w', 0],
          ['r', 0],
        ]),
      ],
      vm: class extends MemoVm {
        protected override keyOf(index: number): number {
          return index;
        }

        protected override activate(ranges: ReferenceVm['ranges'], defaultAllow: boolean): void {
          super.activate(ranges, defaultAllow);
          this.forget();
        }
      },
    },
    {
      id: 'memo-filter',
      title: 'the decision on the last MSR is remembered beyond a filter change',
      cite: CALLS,
      smallest: 7,
      example: [read(0), filter(ALLOW, [range(0, R)]), read(0)],
      vm: class extends MemoVm {
        protected override keyOf(index: number, type: AccessType): number {
          return index * 2 + type;
        }
      },
    },
    {
      id: 'memo-range',
      title: 'the range that decided last is tried first',
      cite: 'the first range that matches wins, not the last one used',
      smallest: 8,
      example: [
        filter(ALLOW, [range(0, R), range(0, RW, 1, [0])]),
        access([
          ['w', 0],
          ['r', 0],
        ]),
      ],
      vm: class extends ReferenceVm {
        private last = -1;

        protected override activate(ranges: ReferenceVm['ranges'], defaultAllow: boolean): void {
          super.activate(ranges, defaultAllow);
          this.last = -1;
        }

        protected override decidingRange(index: number, type: AccessType): number {
          const { start, end, flags } = this.ranges;
          const { last } = this;
          const hit = last >= 0 && index >= start[last]! && index < end[last]! && ((flags[last]! >>> type) & 1) === 1;
          if (!hit) this.last = super.decidingRange(index, type);
          return this.last;
        }
      },
    },
  ]),
  ...bugsOf('state', 'interval', [
    {
      id: 'interval-gap',
      title: 'what is left of a range before an earlier one ends one MSR short',
      cite: COMPILED,
      smallest: 8,
      example: [filter(ALLOW, [range(1, R), range(0, R, 2)]), read(0)],
      vm: class extends IntervalVm {
        protected override readonly map = new (class extends IntervalMap {
          protected override own(source: IntervalSource, start: number, end: number, type: number): OwnedInterval {
            const cut = end < source.base + source.nmsrs ? end - 1 : end;
            return super.own(source, start, cut, type);
          }
        })();
      },
    },
    {
      id: 'interval-after',
      title: 'what is left of a range after an earlier one starts one MSR late',
      cite: COMPILED,
      smallest: 8,
      example: [filter(ALLOW, [range(0, R), range(0, R, 2)]), read(1)],
      vm: class extends IntervalVm {
        protected override readonly map = new (class extends IntervalMap {
          protected override own(source: IntervalSource, start: number, end: number, type: number): OwnedInterval {
            return super.own(source, start > source.base ? start + 1 : start, end, type);
          }
        })();
      },
    },
    {
      id: 'interval-offset',
      title: 'what is left of a range takes its bits from the start of the bitmap',
      cite: COMPILED,
      smallest: 8,
      example: [filter(ALLOW, [range(0, R), range(0, R, 2, [1])]), read(1)],
      vm: class extends IntervalVm {
        protected override readonly map = new (class extends IntervalMap {
          protected override own(source: IntervalSource, start: number, end: number, type: number): OwnedInterval {
            return super.own({ ...source, base: start }, start, end, type);
          }
        })();
      },
    },
    {
      id: 'interval-page',
      title: 'only the first page of an interval is filled',
      cite: COMPILED,
      smallest: 6,
      example: [filter(ALLOW, [range(0xc000_ffff, R, 2)]), read(0xc001_0000)],
      vm: class extends IntervalVm {
        protected override readonly map = new (class extends IntervalMap {
          protected override own(source: IntervalSource, start: number, end: number, type: number): OwnedInterval {
            const pageEnd = (Math.floor(start / 4096) + 1) * 4096;
            return super.own(source, start, Math.min(end, pageEnd), type);
          }
        })();
      },
    },
    {
      id: 'interval-shift',
      title: 'bits that straddle two words of the source are lost',
      cite: COMPILED,
      smallest: 37,
      example: [filter(ALLOW, [range(0xa, R, 33, [32])]), read(0x2a)],
      vm: class extends IntervalVm {
        protected override readonly map = new (class extends IntervalMap {
          protected override copyBits(firstWord: number, to: number, count: number, from: number): void {
            super.copyBits(firstWord, to, count, from);
            const { pages } = this;
            for (let done = 0; done < count; ) {
              const bit = (to + done) & 31;
              const taken = Math.min(32 - bit, count - done);
              const shift = (from + done) & 31;
              // What the first of the two source words does not hold.
              for (let i = 32 - shift; i < taken && shift > 0; i++) {
                const word = firstWord + ((to + done + i) >>> 5);
                pages[word] = pages[word]! & ~(1 << ((to + done + i) & 31));
              }
              done += taken;
            }
          }
        })();
      },
    },
    {
      id: 'interval-page-default',
      title: 'the MSRs of a page that no range covers are denied',
      cite: COMPILED,
      smallest: 5,
      example: [filter(ALLOW, [range(0, W)]), read(0)],
      vm: class extends IntervalVm {
        protected override readonly map = new (class extends IntervalMap {
          protected override pageOf(block: number): number {
            const fresh = this.directory[block] === 0;
            const page = super.pageOf(block);
            if (fresh) this.pages.fill(0, page << 8, (page + 1) << 8);
            return page;
          }
        })();
      },
    },
    {
      id: 'interval-exempt-reads',
      title: 'the x2APIC exemption is compiled for reads only',
      cite: COMPILED,
      smallest: 6,
      example: [filter(ALLOW, [range(0x800, W)]), cap(1), write(0x800)],
      vm: class extends IntervalVm {
        protected override readonly map = new (class extends IntervalMap {
          protected override exempt(): void {
            const half = (this.directory[0]! << 8) | 128;
            const writes = this.pages.slice(half, half + 128);
            super.exempt();
            if (this.directory[0] !== 0) this.pages.set(writes, half);
          }
        })();
      },
    },
  ]),
];
