/** Scenarios that programs on /dev/kvm can run. */
import { NEWEST_PROFILE } from '../model/profile.ts';
import type { Scenario } from '../model/scenario.ts';
import { parseScenario } from '../model/scenario-json.ts';
import type { ExportSubject } from './subject.ts';

const read = (...events: unknown[]): Scenario => parseScenario({ events }, 'fixture');

/** RDMSR and WRMSR of SYSENTER MSRs denied, with an exit and a reply. */
export const DENY_SYSENTER = read(
  { apic: 'x2apic' },
  { cap: '0x4' },
  {
    filter: {
      flags: 'allow',
      ranges: [
        { flags: 'rw', base: '0x174', nmsrs: 3, bitmap: { allow: [] } },
        { flags: 'r', base: '0x0', nmsrs: 0, bitmap: null },
      ],
    },
  },
  {
    access: [
      ['0x10', 'r'],
      ['0x174', 'r'],
    ],
  },
  { reply: { error: 1, data: '0x0' } },
  { access: [['0x175', 'w', '0x5']] },
);

/** Everything that the ioctls refuse, then a denial that is a plain #GP, and a reply that nobody waits for. */
export const REFUSED = read(
  { cap: '0x1000' },
  { filter: { flags: 'deny', ranges: [] } },
  { filter: { flags: 'deny', ranges: [{ flags: 'r', base: '0x10', nmsrs: 65, bitmap: '0000000000000000' }] } },
  { filter: { flags: 'deny', ranges: [{ flags: 'r', base: '0x10', nmsrs: 1, bitmap: null }] } },
  { filter: { flags: 'allow', ranges: [{ flags: '0x4', base: '0x10', nmsrs: 1, bitmap: { allow: [] } }] } },
  { filter: { flags: 'allow', ranges: [{ flags: 'w', base: '0x174', nmsrs: 2, bitmap: { allow: ['0x174'] } }] } },
  {
    access: [
      ['0x174', 'w', '0x1234'],
      ['0x175', 'w'],
      ['0x175', 'r'],
    ],
  },
  { access: [['0x175', 'w']] },
  { reply: { error: 0, data: '0x0' } },
  { cap: '0x4' },
  { access: [['0x175', 'w']] },
  { reply: { error: 0, data: '0x0' } },
);

export function subjectOf(scenario: Scenario, text: string): ExportSubject {
  return { source: 'fixture.json', scenario, text, profile: NEWEST_PROFILE, version: '1.2.3' };
}
