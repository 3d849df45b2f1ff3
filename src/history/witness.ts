/** A witness as one line. */

import { KVM_CAP_X86_USER_SPACE_MSR, type MsrFilter, type MsrFilterRange } from '../model/filter.ts';
import { hex } from '../model/json-fields.ts';
import { resultName } from '../model/result-name.ts';
import { APIC_MODE_NAMES, type MsrPassthrough, type ScenarioEvent } from '../model/scenario.ts';
import { AccessType } from '../model/verdict.ts';
import type { Witness } from './changelog.ts';

const FILTER_FLAGS = ['DEFAULT_ALLOW', 'DEFAULT_DENY'];
const DIRECTIONS = ['none', 'r', 'w', 'rw'];

/** What is done, and what the earlier and the later generation answer. */
export function witnessText({ scenario, observation, view }: Witness): string {
  const steps = scenario.events.map(eventText);
  const { kind, expected, got, index, type } = observation;
  const access = `${type === AccessType.READ ? 'RDMSR' : 'WRMSR'} ${hex(index)}`;
  if (kind.startsWith('bitmap:')) {
    const level = kind.includes('nested') ? "L2's bitmap" : 'bitmap';
    const intercepts = kind.includes('needless');
    const answers = intercepts ? 'intercepts, then passes' : 'passes, then intercepts';
    return [...steps, `${view} ${level}: ${answers} ${access}`].join('; ');
  }
  return `${steps.join('; ')}: ${resultName(kind, expected)}, then ${resultName(kind, got)}`;
}

function eventText(event: ScenarioEvent): string {
  switch (event.kind) {
    case 'filter':
      return filterText(event.filter) + (event.delivery === undefined ? '' : ` (${event.delivery})`);
    case 'cap': {
      const { mask, flags, cap = KVM_CAP_X86_USER_SPACE_MSR } = event;
      const other = cap === KVM_CAP_X86_USER_SPACE_MSR ? '' : ` of capability ${cap}`;
      return `exit mask ${hex(Number(mask & 0xffff_ffffn))}${mask >> 32n === 0n ? '' : ' and higher bits'}${other}${flags ? ` flags ${hex(flags)}` : ''}`;
    }
    case 'ignoreMsrs':
      return `ignore_msrs ${event.on ? 1 : 0}`;
    case 'apic':
      return `APIC mode ${APIC_MODE_NAMES[event.mode]}`;
    case 'candidates':
      return `KVM wishes to pass ${passthroughText(event.changes)}`;
    case 'access': {
      const { indices, types, form } = event.batch;
      const list = Array.from(
        indices,
        (index, i) => `${types[i] === AccessType.READ ? 'RDMSR' : 'WRMSR'} ${hex(index)}`,
      );
      return list.join(', ') + (form === undefined ? '' : ` (${form})`);
    }
    case 'reply':
      return `reply error ${event.error}`;
    case 'nested':
      return `L1 enters L2, passing ${passthroughText(event.passthrough)}`;
  }
}

function passthroughText(list: readonly MsrPassthrough[]): string {
  const texts = list.map(
    ({ index, read, write }) => `${DIRECTIONS[Number(read) | (Number(write) << 1)]!} ${hex(index)}`,
  );
  return texts.join(', ') || 'nothing';
}

function filterText({ flags, ranges }: MsrFilter): string {
  const counts = new Map<string, number>();
  for (const range of ranges) counts.set(rangeText(range), (counts.get(rangeText(range)) ?? 0) + 1);
  const list = [...counts].map(([text, count]) => (count === 1 ? text : `${count} x ${text}`));
  return [`filter ${FILTER_FLAGS[flags] ?? `flags ${hex(flags)}`}`, ...list].join(' ');
}

function rangeText({ flags, nmsrs, base, bitmap }: MsrFilterRange): string {
  const word = flags >= 1 && flags <= 3 ? DIRECTIONS[flags]! : `flags ${hex(flags)}`;
  return `{${word} ${hex(base)}${nmsrs === 1 ? '' : ` nmsrs ${nmsrs}`}${bitsText(nmsrs, bitmap)}}`;
}

function bitsText(nmsrs: number, bitmap: Uint8Array | null): string {
  if (nmsrs === 0) return '';
  if (bitmap === null) return ' unmapped';
  const bits = Array.from({ length: Math.min(nmsrs, bitmap.length * 8) }, (_, i) => (bitmap[i >>> 3]! >>> (i & 7)) & 1);
  if (bits.every((bit) => bit === 0)) return ' deny';
  return bits.every((bit) => bit === 1) ? ' allow' : ' some';
}
