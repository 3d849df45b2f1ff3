import { expect, it } from 'vitest';
import { catalogueBase } from '../model/catalogue.ts';
import { NEWEST_PROFILE } from '../model/profile.ts';
import { AccessType, Verdict } from '../model/verdict.ts';
import { fromDecision } from './decision.ts';

it('gives the answer of the module for a reason, not one of the reference', () => {
  const engine = fromDecision({ name: 'stubborn', allowed: (_filter, _index, write) => !write });
  const vm = engine.createVm({ profile: NEWEST_PROFILE, base: catalogueBase() });
  vm.setFilter({ flags: 0, ranges: [] }, 'normal');
  expect(vm.explain!(0x174, AccessType.WRITE)).toEqual({ verdict: Verdict.GP, rule: 'its allowed() says false' });
  expect(vm.explain!(0x174, AccessType.READ)).toEqual({ verdict: Verdict.ALLOW, rule: 'its allowed() says true' });
});
