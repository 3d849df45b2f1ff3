/** Encodes requests. Each function writes one frame. */
import type { BaseTable } from '../../model/base.ts';
import type { MsrFilter } from '../../model/filter.ts';
import { KVM_CAP_X86_USER_SPACE_MSR } from '../../model/filter.ts';
import {
  ACCESS_FORMS,
  type AccessBatch,
  type ApicMode,
  type CapEvent,
  FILTER_DELIVERIES,
  type FilterDelivery,
  type MsrPassthrough,
} from '../../model/scenario.ts';
import type { FrameWriter } from './frames.ts';
import { MAGIC, Request, VERSION } from './protocol.ts';

/** Size that says that the pointer is not mapped. */
const UNMAPPED = 0xffff_ffff;
/** Most bytes that are sent of a bitmap: no kernel looks at more than 0x600. */
const MAX_BITMAP_BYTES = 1 << 16;

/** How a VM is made. */
export interface ResetOptions {
  /** 0 long, 1 protected, 2 real. */
  readonly mode: number;
  readonly irqchip: boolean;
  /** Bits of the protocol's options of a kernel's VM. */
  readonly options: number;
}

export function encodeHello(writer: FrameWriter): void {
  writer.open(Request.HELLO).u32(MAGIC).u16(VERSION).u16(0).close();
}

export function encodeConfig(writer: FrameWriter, profile: string, base: BaseTable): void {
  const id = Buffer.from(profile);
  const rows = [...base.rows()];
  writer.open(Request.CONFIG).u16(id.length).raw(id).u32(rows.length);
  for (const { index, read, write } of rows) writer.u32(index).u8(read).u8(write).u16(0);
  writer.close();
}

export function encodeReset(writer: FrameWriter, { mode, irqchip, options }: ResetOptions): void {
  writer
    .open(Request.RESET)
    .u8(mode)
    .u8(irqchip ? 1 : 0)
    .u8(options)
    .u8(0)
    .close();
}

export function encodeFilter(writer: FrameWriter, filter: MsrFilter, delivery: FilterDelivery): void {
  writer.open(Request.FILTER);
  filterPayload(writer, filter, delivery);
  writer.close();
}

export function encodeCap(writer: FrameWriter, { mask, flags, cap }: CapEvent): void {
  writer
    .open(Request.CAP)
    .u32(cap ?? KVM_CAP_X86_USER_SPACE_MSR)
    .u32(flags ?? 0)
    .u64(mask)
    .close();
}

export function encodeIgnoreMsrs(writer: FrameWriter, on: boolean): void {
  writer
    .open(Request.IGNORE_MSRS)
    .u32(on ? 1 : 0)
    .close();
}

export function encodeApic(writer: FrameWriter, mode: ApicMode): void {
  writer.open(Request.APIC).u32(mode).close();
}

export function encodeCandidates(writer: FrameWriter, changes: readonly MsrPassthrough[]): void {
  writer.open(Request.CANDIDATES).u32(changes.length);
  for (const { index, read, write } of changes) {
    writer
      .u32(index)
      .u8(read ? 1 : 0)
      .u8(write ? 1 : 0)
      .u16(0);
  }
  writer.close();
}

export function encodeAccess(writer: FrameWriter, { form, indices, types, values }: AccessBatch): void {
  writer
    .open(Request.ACCESS)
    .u32(indices.length)
    .u8(ACCESS_FORMS.indexOf(form ?? 'native'))
    .u8(values ? 1 : 0)
    .u16(0)
    .raw(indices)
    .raw(types);
  if (values) writer.raw(values);
  writer.close();
}

export function encodeReply(writer: FrameWriter, error: number, data: bigint): void {
  writer.open(Request.REPLY).u8(error).u8(0).u16(0).u32(0).u64(data).close();
}

export function encodeStats(writer: FrameWriter): void {
  writer.open(Request.STATS).close();
}

export function encodeRace(
  writer: FrameWriter,
  indices: Uint32Array,
  types: Uint8Array,
  filters: readonly [MsrFilter, MsrFilter],
  rounds: number,
): void {
  writer.open(Request.RACE).u32(indices.length).u32(rounds).raw(indices).raw(types);
  for (const filter of filters) {
    const place = writer.lengthPlace();
    filterPayload(writer, filter, 'normal');
    writer.patch(place);
  }
  writer.close();
}

export function encodeRun(writer: FrameWriter, executable: Uint8Array): void {
  writer.open(Request.RUN).raw(executable).close();
}

function filterPayload(writer: FrameWriter, { flags, ranges }: MsrFilter, delivery: FilterDelivery): void {
  writer.u32(FILTER_DELIVERIES.indexOf(delivery)).u32(flags).u32(ranges.length);
  for (const { flags, nmsrs, base, bitmap } of ranges) {
    writer.u32(flags).u32(nmsrs).u32(base);
    if (bitmap === null) writer.u32(UNMAPPED);
    else {
      const readable = bitmap.subarray(0, MAX_BITMAP_BYTES);
      writer.u32(readable.length).raw(readable);
    }
  }
}
