/** What is at one MSR, in words: the line below the picture, and what a screen reader says of it. */
import { hex } from '../../src/model/json-fields.ts';
import type { Decider } from './first-match.ts';
import type { Picture } from './picture.ts';
import { Cell } from './range-bits.ts';

const WORDS: Readonly<Record<Cell, string>> = {
  [Cell.NONE]: 'nothing',
  [Cell.ALLOW]: 'allowed',
  [Cell.DENY]: 'denied',
  [Cell.MIXED]: 'mixed',
  [Cell.UNMAPPED]: 'no bitmap bytes',
  [Cell.EXEMPT]: 'not filtered',
};

export function describeMsr(picture: Picture, index: number, name: string | undefined): string {
  const { read, write } = picture.deciders;
  const decision = (match: typeof read): string =>
    `${WORDS[match.cell(index, index + 1)]} by ${by(match.decider(index), picture, index)}`;
  const accesses = picture.markers
    .filter((marker) => marker.index === index)
    .slice(0, 4)
    .map(
      (marker) =>
        `; ${marker.write ? 'WRMSR' : 'RDMSR'}: ${marker.differs ? 'engines differ' : (marker.verdict ?? '?')}`,
    );
  const title = name ? `${hex(index)} ${name}` : hex(index);
  return `${title}: read ${decision(read)}, write ${decision(write)}${accesses.join('')}`;
}

function by(decider: Decider, picture: Picture, index: number): string {
  if (decider === 'default') return 'default';
  if (decider === 'exempt') return 'x2APIC exemption';
  return `range ${decider}, bit ${index - picture.bits[decider]!.range.base}`;
}
