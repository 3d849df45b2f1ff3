/** What a builder's filter does that the policy does not say. */
import { interruptible } from '../../engines/interruptible.ts';
import type { MsrFilter } from '../../model/filter.ts';
import type { KernelProfile } from '../../model/profile.ts';
import { resultName } from '../../model/result-name.ts';
import { exemptIndices } from '../compile/smallest-filter.ts';
import { install } from '../decisions.ts';
import { accessesIn, type Change, decisionChanges } from '../difference.ts';
import { type Policy, policyDecisions } from '../policy/policy.ts';
import type { FilterBuilder } from './contract.ts';

/** How long a builder may take for one policy, in milliseconds; some run a program of another language. */
const BUILD_MS = 10_000;

/**
 * `hung`: the builder did not return; `failed`: it threw, or what it gave is no filter; `gave-up`: it returned an errno;
 * `rejected`: the ioctl does; `overread`: the kernel reads past a bitmap, -EFAULT if the memory ends there; `opened`:
 * allowed although the policy denies; `closed`: denied although the policy allows.
 */
export const LOSS_KINDS = ['hung', 'failed', 'gave-up', 'rejected', 'overread', 'opened', 'closed'] as const;
export type LossKind = (typeof LOSS_KINDS)[number];

export interface Loss {
  readonly kind: LossKind;
  /** One line. */
  readonly what: string;
  /** For `opened` and `closed`: the accesses, before as the policy says. */
  readonly changes: readonly Change[];
}

/** All losses, of each kind one at most. x2APIC MSRs, which no filter applies to, are no loss. */
export function lossesOf(
  builder: FilterBuilder,
  policy: Policy,
  profile: KernelProfile,
  limitMs: number = BUILD_MS,
): Loss[] {
  let built: MsrFilter | number;
  try {
    const answer = interruptible(() => builder.build(policy), limitMs);
    if (answer === 'lost') return [{ kind: 'hung', what: `it did not return within ${limitMs / 1000} s`, changes: [] }];
    built = checked(answer.value);
  } catch (error) {
    return [{ kind: 'failed', what: `it fails: ${(error as Error)?.message ?? error}`, changes: [] }];
  }
  if (typeof built === 'number')
    return [{ kind: 'gave-up', what: `it gives up with ${resultName('errno', built)}`, changes: [] }];
  const losses: Loss[] = [];
  const short = built.ranges.findIndex(({ nmsrs, bitmap }) => bitmap !== null && bitmap.length < bytesRead(nmsrs));
  if (short >= 0) {
    const { nmsrs, bitmap } = built.ranges[short]!;
    const what = `ranges[${short}]: a bitmap of ${bitmap!.length} bytes, and the kernel reads ${bytesRead(nmsrs)}`;
    losses.push({ kind: 'overread', what, changes: [] });
  }
  const { errno, decisions } = install(padded(built), profile);
  if (errno !== 0)
    return [...losses, { kind: 'rejected', what: `the ioctl returns ${resultName('errno', errno)}`, changes: [] }];
  const exempt = exemptIndices(profile);
  const [read, write] = policyDecisions(policy);
  const changes = decisionChanges([read.or(exempt), write.or(exempt)], decisions);
  for (const [after, kind] of (['closed', 'opened'] as const).entries()) {
    const own = changes.filter((change) => change.after === after);
    if (own.length === 0) continue;
    const said =
      kind === 'opened' ? 'accesses allowed that the policy denies' : 'accesses denied that the policy allows';
    losses.push({ kind, what: `${said}: ${accessesIn(own)}`, changes: own });
  }
  return losses;
}

function bytesRead(nmsrs: number): number {
  return Math.ceil(nmsrs / 64) * 8;
}

/** The same filter where memory goes on after a bitmap that is too short; bits from nmsrs on do not count. */
function padded({ flags, ranges }: MsrFilter): MsrFilter {
  return {
    flags,
    ranges: ranges.map((range) => {
      // More than the kernel takes is rejected for that, whatever the memory.
      if (range.bitmap === null || range.bitmap.length >= bytesRead(range.nmsrs) || range.nmsrs > 0x1_0000)
        return range;
      const bitmap = new Uint8Array(bytesRead(range.nmsrs));
      bitmap.set(range.bitmap);
      return { ...range, bitmap };
    }),
  };
}

const isU32 = (value: unknown): boolean =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 0xffff_ffff;

/** People's modules are plain JavaScript. */
function checked(built: MsrFilter | number): MsrFilter | number {
  if (typeof built === 'number') {
    if (Number.isInteger(built) && built < 0) return built;
    throw new TypeError(`build() returned ${built}, which is no negative errno`);
  }
  if (!isU32(built?.flags) || !Array.isArray(built.ranges)) {
    throw new TypeError('build() returned neither { flags, ranges } nor a negative errno');
  }
  if (built.ranges.length > 16)
    throw new TypeError(`build() returned ${built.ranges.length} ranges; there are 16 slots`);
  for (const [slot, { flags, nmsrs, base, bitmap }] of built.ranges.entries()) {
    if (![flags, nmsrs, base].every(isU32)) throw new TypeError(`ranges[${slot}]: flags, nmsrs and base are u32`);
    if (bitmap !== null && !(bitmap instanceof Uint8Array)) {
      throw new TypeError(`ranges[${slot}].bitmap is neither a Uint8Array nor null`);
    }
  }
  return built;
}
