/**
 * The bitmap audit: after every event, a vendor's intercept bitmap is compared, whole, with the one that the rules
 * call for. It holds for every access until the next event:
 * - refinement: a bit is clear only if KVM wants pass-through and the filter allows the direction;
 * - completeness: an allowed access to an MSR that KVM wants to pass through is not intercepted;
 * - the L2 bitmap is L0's OR L1's for the merged MSRs, all ones elsewhere.
 *
 * The layouts are written again here, from SDM 26.6.9 and APM 15.11, so that an engine that builds and reads its
 * bitmap with the same mistake is caught.
 */
import type { EngineVm } from '../engines/contract.ts';
import { type Candidate, passthroughCandidates, type Vendor } from '../model/catalogue.ts';
import type { KernelProfile } from '../model/profile.ts';
import { ApicMode, type FilterEvent, type NestedEvent, type ScenarioEvent } from '../model/scenario.ts';
import { AccessType, NestedEntry } from '../model/verdict.ts';

export type AuditRule =
  | 'denied-passthrough'
  | 'unwanted-passthrough'
  | 'needless-intercept'
  | 'nested-entry'
  | 'nested-denied-passthrough'
  | 'nested-needless-intercept';

export interface AuditFinding {
  readonly event: number;
  readonly rule: AuditRule;
  readonly index: number;
  readonly type: AccessType;
}

/** Whether the filter in force allows an access. */
export type Decision = (index: number, type: AccessType) => boolean;

/** Windows of 8,192 MSRs by vendor, in the order of the bitmap. */
const WINDOWS: Record<Vendor, readonly number[]> = { vmx: [0, 0xc000_0000], svm: [0, 0xc000_0000, 0xc001_0000] };
const PAGE_BYTES: Record<Vendor, number> = { vmx: 4096, svm: 8192 };
const TPR = 0x808;

/** Number of the bit in the page, or -1 outside the windows. */
export function bitPosition(vendor: Vendor, index: number, type: AccessType): number {
  const window = WINDOWS[vendor].findIndex((start) => index >= start && index < start + 0x2000);
  if (window < 0) return -1;
  const offset = index - WINDOWS[vendor][window]!;
  if (vendor === 'vmx') return (type === AccessType.READ ? 0 : 0x800 * 8) + window * 0x400 * 8 + offset;
  return window * 0x800 * 8 + offset * 2 + type;
}

/** The MSR and direction of a bit; undefined in the reserved quarter of the MSRPM. */
function accessAt(vendor: Vendor, bit: number): { index: number; type: AccessType } | undefined {
  if (vendor === 'vmx') {
    const type = bit < 0x800 * 8 ? AccessType.READ : AccessType.WRITE;
    const inHalf = bit % (0x800 * 8);
    return { index: WINDOWS.vmx[inHalf < 0x400 * 8 ? 0 : 1]! + (inHalf % (0x400 * 8)), type };
  }
  const start = WINDOWS.svm[Math.floor(bit / (0x800 * 8))];
  if (start === undefined) return undefined;
  return { index: start + ((bit % (0x800 * 8)) >>> 1), type: (bit & 1) as AccessType };
}

interface Watched extends Candidate {
  readonly bits: readonly [number, number];
  wishRead: boolean;
  wishWrite: boolean;
}

export class BitmapAudit {
  private readonly vendor: Vendor;
  private readonly profile: KernelProfile;
  private readonly watched: Watched[];
  private readonly expected: Uint8Array;
  private readonly expectedNested: Uint8Array;
  private apic: ApicMode = ApicMode.NONE;
  /** L0's bitmap may have changed since the last merge, so that eVMCS "clean" does not count. */
  private l0Changed = true;
  private findings: AuditFinding[] = [];

  constructor(vendor: Vendor, profile: KernelProfile) {
    this.vendor = vendor;
    this.profile = profile;
    this.expected = new Uint8Array(PAGE_BYTES[vendor]).fill(0xff);
    this.expectedNested = new Uint8Array(PAGE_BYTES[vendor]).fill(0xff);
    this.watched = passthroughCandidates(vendor, profile).map((candidate) => ({
      ...candidate,
      bits: [bitPosition(vendor, candidate.index, 0), bitPosition(vendor, candidate.index, 1)],
      wishRead: false,
      wishWrite: false,
    }));
  }

  begin(): void {
    this.apic = ApicMode.NONE;
    this.l0Changed = true;
    this.findings = [];
    for (const entry of this.watched) {
      entry.wishRead = entry.always && entry.read;
      entry.wishWrite = entry.always && entry.write;
    }
  }

  /** To be called with every event that is not an access, and the filter's decisions after it; first without event. */
  after(vm: EngineVm, event: ScenarioEvent | undefined, number: number, code: number, allows: Decision): void {
    if (this.findings.length > 0) return;
    switch (event?.kind) {
      case undefined:
        break;
      case 'filter':
        if (code === 0 || this.failsLate(event)) this.l0Changed = true;
        break;
      case 'apic':
        this.apic = event.mode;
        this.l0Changed = true;
        break;
      case 'candidates':
        for (const { index, read, write } of event.changes) this.wish(index, read, write);
        break;
      case 'nested':
        this.checkNested(vm, event, number, code, allows);
        return;
      default:
        return;
    }
    this.expect(allows);
    const page = vm.bitmap!('l1');
    if (Buffer.compare(page, this.expected) !== 0) this.report(page, this.expected, number, allows, '');
  }

  /** What was found, at most one event's worth: later bitmaps only repeat it. */
  result(): readonly AuditFinding[] {
    return this.findings;
  }

  /** Before the SRCU fix an ioctl that fails at one of its ranges has sent the request to update intercepts. */
  private failsLate({ filter, delivery }: FilterEvent): boolean {
    const reachesRanges = delivery !== 'compat' && delivery !== 'short' && filter.ranges.some(({ nmsrs }) => nmsrs > 0);
    return this.profile.replacement === 'in-place' && reachesRanges;
  }

  private wish(index: number, read: boolean, write: boolean): void {
    const entry = this.watched.find((watched) => watched.index === index);
    if (!entry) return;
    entry.wishRead = read && entry.read;
    entry.wishWrite = write && entry.write;
    this.l0Changed = true;
  }

  private expect(allows: Decision): void {
    for (const { index, bits, wishRead, wishWrite } of this.watched) {
      setBit(this.expected, bits[0], !(wishRead && allows(index, AccessType.READ)));
      setBit(this.expected, bits[1], !(wishWrite && allows(index, AccessType.WRITE)));
    }
    if (this.vendor !== 'vmx') return;
    // Virtual-x2APIC mode without APICv passes TPR alone.
    const tpr = this.apic === ApicMode.X2APIC;
    setBit(this.expected, bitPosition('vmx', TPR, AccessType.READ), !(tpr && allows(TPR, AccessType.READ)));
    setBit(this.expected, bitPosition('vmx', TPR, AccessType.WRITE), !(tpr && allows(TPR, AccessType.WRITE)));
  }

  private checkNested(vm: EngineVm, event: NestedEvent, number: number, code: number, allows: Decision): void {
    // VMX runs L2 without bitmaps where SVM fails VMRUN.
    const unmapped = this.vendor === 'vmx' ? NestedEntry.NO_BITMAP : NestedEntry.FAILED;
    const entry = !event.bitmaps ? NestedEntry.NO_BITMAP : event.mapped ? NestedEntry.MERGED : unmapped;
    if (code !== entry) this.findings.push({ event: number, rule: 'nested-entry', index: 0, type: AccessType.READ });
    if (code !== entry || entry !== NestedEntry.MERGED) return;
    this.expect(allows);
    const reused = this.vendor === 'vmx' && event.clean === true && !this.l0Changed;
    if (!reused) this.merge(event);
    this.l0Changed = false;
    const page = vm.bitmap!('l2');
    if (Buffer.compare(page, this.expectedNested) !== 0) {
      this.report(page, this.expectedNested, number, allows, 'nested-');
    }
  }

  private merge(event: NestedEvent): void {
    const l1 = new Uint8Array(this.expected.length).fill(0xff);
    for (const { index, read, write } of event.passthrough) {
      if (read) setBit(l1, bitPosition(this.vendor, index, AccessType.READ), false);
      if (write) setBit(l1, bitPosition(this.vendor, index, AccessType.WRITE), false);
    }
    this.expectedNested.fill(0xff);
    for (const { index, bits, read, write, merged } of this.watched) {
      if (!merged) continue;
      if (this.vendor === 'svm') this.mergeChunk(l1, bits[0] >>> 3);
      else {
        // Before 67f4b9969c30 FS/GS/KERNEL_GS_BASE followed L1 alone (known divergence of those profiles).
        const l1Only = index >>> 2 === 0xc000_0100 >>> 2 && !this.profile.nestedHonoursFilterForBases;
        for (const bit of [read ? bits[0] : -1, write ? bits[1] : -1]) {
          setBit(this.expectedNested, bit, (!l1Only && testBit(this.expected, bit)) || testBit(l1, bit));
        }
      }
    }
  }

  /** KVM merges the MSRPM by words: u32 to 6.16, unsigned long after. */
  private mergeChunk(l1: Uint8Array, byte: number): void {
    const size = this.profile.intercepts === 'recalc' ? 8 : 4;
    const from = byte - (byte % size);
    for (let at = from; at < from + size; at++) this.expectedNested[at] = this.expected[at]! | l1[at]!;
  }

  private report(page: Uint8Array, expected: Uint8Array, event: number, allows: Decision, level: '' | 'nested-'): void {
    const seen = new Set<AuditRule>();
    for (let bit = 0; bit < expected.length * 8; bit++) {
      const intercepts = testBit(page, bit);
      if (intercepts === testBit(expected, bit)) continue;
      const access = accessAt(this.vendor, bit);
      const rule: AuditRule = intercepts
        ? `${level}needless-intercept`
        : level === '' && access && allows(access.index, access.type)
          ? 'unwanted-passthrough'
          : `${level}denied-passthrough`;
      if (seen.has(rule)) continue;
      seen.add(rule);
      this.findings.push({ event, rule, index: access?.index ?? 0, type: access?.type ?? AccessType.READ });
    }
  }
}

function setBit(page: Uint8Array, bit: number, value: boolean): void {
  if (bit < 0) return;
  const at = bit >>> 3;
  page[at] = value ? page[at]! | (1 << (bit & 7)) : page[at]! & ~(1 << (bit & 7));
}

function testBit(page: Uint8Array, bit: number): boolean {
  return bit < 0 || ((page[bit >>> 3]! >>> (bit & 7)) & 1) === 1;
}
