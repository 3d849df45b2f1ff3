/** Valid filters that allow and deny pass-through candidates, for route conformance and races. */
import { passthroughCandidates, type Vendor } from '../model/catalogue.ts';
import {
  KVM_MSR_FILTER_DEFAULT_ALLOW,
  KVM_MSR_FILTER_DEFAULT_DENY,
  KVM_MSR_FILTER_MAX_NMSRS,
  type MsrFilter,
  type MsrFilterRange,
} from '../model/filter.ts';
import type { KernelProfile } from '../model/profile.ts';
import type { Random } from './random.ts';

const WINDOWS: readonly number[] = [0x0000_0000, 0xc000_0000, 0xc001_0000];

export class RouteFilters {
  /** What the last filter was. */
  name = '';
  private readonly random: Random;
  private readonly candidates: readonly number[];

  constructor(random: Random, vendor: Vendor, profile: KernelProfile) {
    this.random = random;
    this.candidates = passthroughCandidates(vendor, profile).map(({ index }) => index);
  }

  next(): MsrFilter {
    const { random } = this;
    switch (random.below(6)) {
      case 0:
        this.name = 'filtering off';
        return { flags: KVM_MSR_FILTER_DEFAULT_ALLOW, ranges: [] };
      case 1:
        return this.windows('all 0', () => 0);
      case 2:
        return this.windows('all 1', () => 0xff);
      case 3:
        return this.windows('random bits', () => random.below(256));
      default:
        return this.singles();
    }
  }

  /** Whole windows in one direction or both, by either default. */
  private windows(what: string, byte: () => number): MsrFilter {
    const flags = 1 + this.random.below(3);
    const deny = this.random.below(2);
    this.name = `default ${deny ? 'deny' : 'allow'}, windows ${what}, flags ${flags}`;
    const ranges = WINDOWS.map((base) => {
      const bitmap = Uint8Array.from({ length: KVM_MSR_FILTER_MAX_NMSRS / 8 }, byte);
      return { flags, base, nmsrs: KVM_MSR_FILTER_MAX_NMSRS, bitmap };
    });
    return { flags: deny, ranges };
  }

  /** Up to 16 small ranges at candidates. */
  private singles(): MsrFilter {
    const { random, candidates } = this;
    const flags = random.below(2) === 0 ? KVM_MSR_FILTER_DEFAULT_ALLOW : KVM_MSR_FILTER_DEFAULT_DENY;
    const ranges = Array.from({ length: 1 + random.below(16) }, (): MsrFilterRange => {
      const nmsrs = 1 + random.below(4);
      const base = Math.max(0, candidates[random.below(candidates.length)]! - random.below(nmsrs));
      const bitmap = Uint8Array.from({ length: 8 }, () => random.below(256));
      return { flags: 1 + random.below(3), base, nmsrs, bitmap };
    });
    this.name = `default ${flags === 0 ? 'allow' : 'deny'}, ${ranges.length} small ranges`;
    return { flags, ranges };
  }
}
