import { describe, expect, it } from 'vitest';
import {
  F1_ALLOWED,
  MEASURED_ROUTES,
  type MeasuredRoutes,
  ROUTE_FILTER_RULES,
  ROUTE_FILTERS,
  type RouteFilter,
  type Span,
} from '../../test/ground-truth/routes.ts';
import type { EngineVm } from '../engines/contract.ts';
import { svm } from '../engines/svm.ts';
import { vmx } from '../engines/vmx.ts';
import { catalogueBase } from '../model/catalogue.ts';
import {
  KVM_MSR_FILTER_DEFAULT_ALLOW,
  KVM_MSR_FILTER_DEFAULT_DENY,
  KVM_MSR_FILTER_MAX_BITMAP_SIZE,
  KVM_MSR_FILTER_MAX_NMSRS,
  KVM_MSR_FILTER_READ,
  KVM_MSR_FILTER_WRITE,
  MSR_IA32_TSC_DEADLINE,
  type MsrFilter,
  type MsrFilterRange,
} from '../model/filter.ts';
import { findProfile } from '../model/profile.ts';
import { APIC_MODE_NAMES, type ApicMode } from '../model/scenario.ts';
import { AccessType, Route, Verdict } from '../model/verdict.ts';

const WINDOWS = [0, 0xc000_0000, 0xc001_0000];
const WINDOW_MSRS = 0x2000;
const FLAGS = { r: KVM_MSR_FILTER_READ, w: KVM_MSR_FILTER_WRITE, rw: 3, none: 0 } as const;

/** Ranges over all windows, in the given directions. */
function everywhere(directions: keyof typeof FLAGS, byte: number): MsrFilterRange[] {
  const bitmap = new Uint8Array(KVM_MSR_FILTER_MAX_BITMAP_SIZE).fill(byte);
  const flags = FLAGS[directions];
  return directions === 'none' ? [] : WINDOWS.map((base) => ({ flags, base, nmsrs: KVM_MSR_FILTER_MAX_NMSRS, bitmap }));
}

function routeFilter(name: Exclude<RouteFilter, 'F0'>): MsrFilter {
  if (name === 'F1') {
    const allow = (flags: number) => (base: number) => ({ flags, base, nmsrs: 1, bitmap: new Uint8Array(8).fill(1) });
    const { both, read, write } = F1_ALLOWED;
    const ranges = [...both.map(allow(FLAGS.rw)), ...read.map(allow(FLAGS.r)), ...write.map(allow(FLAGS.w))];
    return { flags: KVM_MSR_FILTER_DEFAULT_DENY, ranges };
  }
  const rule = ROUTE_FILTER_RULES[name];
  const flags = rule.default === 'deny' ? KVM_MSR_FILTER_DEFAULT_DENY : KVM_MSR_FILTER_DEFAULT_ALLOW;
  return { flags, ranges: everywhere(rule.ranges, rule.bits === 'allow' ? 0xff : 0) };
}

/** The MSRs of the windows that pass, as spans. */
function passing(vm: EngineVm, type: AccessType): Span[] {
  const spans: [number, number][] = [];
  const types = new Uint8Array(WINDOW_MSRS).fill(type);
  const verdicts = new Uint8Array(WINDOW_MSRS);
  const routes = new Uint8Array(WINDOW_MSRS);
  for (const window of WINDOWS) {
    const indices = Uint32Array.from({ length: WINDOW_MSRS }, (_, i) => window + i);
    vm.access({ indices, types }, verdicts, routes);
    for (let i = 0; i < WINDOW_MSRS; i++) {
      if (routes[i] !== Route.PASSTHROUGH) continue;
      const last = spans.at(-1);
      if (last?.[1] === indices[i]! - 1) last[1]++;
      else spans.push([indices[i]!, indices[i]!]);
    }
  }
  return spans;
}

const sorted = (spans: readonly Span[]): Span[] => [...spans].sort((a, b) => a[0] - b[0]);
const engineOf = ({ module }: MeasuredRoutes) => (module === 'kvm_intel' ? vmx : svm);

function newVm(measured: MeasuredRoutes): EngineVm {
  return engineOf(measured).createVm({ profile: findProfile(measured.profile)!, base: catalogueBase() });
}

function setApic(vm: EngineVm, { apic }: MeasuredRoutes): void {
  const mode = APIC_MODE_NAMES.indexOf(apic) as ApicMode;
  if (mode !== 0) vm.setApicMode!(mode);
}

/** Route of a denied access, and that the verdict is what the route makes it. */
function deniedRoute(vm: EngineVm, type: AccessType): Route {
  const verdicts = new Uint8Array(1);
  const routes = new Uint8Array(1);
  vm.access({ indices: Uint32Array.of(MSR_IA32_TSC_DEADLINE), types: Uint8Array.of(type) }, verdicts, routes);
  const route = routes[0] as Route;
  expect(verdicts[0]).toBe(route === Route.FASTPATH ? Verdict.ALLOW : Verdict.EXIT_FILTER);
  return route;
}

describe.each(MEASURED_ROUTES)('$module $profile, apic $apic', (measured) => {
  it('passes exactly what the kernel passes, filter after filter', () => {
    const vm = newVm(measured);
    vm.enableCap!({ kind: 'cap', mask: 7n });
    setApic(vm, measured);
    for (const name of ROUTE_FILTERS) {
      if (name !== 'F0') expect(vm.setFilter(routeFilter(name), 'normal'), name).toBe(0);
      expect(passing(vm, AccessType.READ), `${name} R`).toEqual(sorted(measured.pass[name].read));
      expect(passing(vm, AccessType.WRITE), `${name} W`).toEqual(sorted(measured.pass[name].write));
    }
  });

  it('passes the same when the filter was there first', () => {
    const vm = newVm(measured);
    vm.setFilter(routeFilter('F1'), 'normal');
    setApic(vm, measured);
    expect(passing(vm, AccessType.READ)).toEqual(sorted(measured.pass.F1.read));
    expect(passing(vm, AccessType.WRITE)).toEqual(sorted(measured.pass.F1.write));
  });

  it('treats WRMSR 0x6e0 as the kernel does, whatever the filter', () => {
    const expected = measured.tscDeadlineFastpath ? Route.FASTPATH : Route.INTERCEPTED;
    const vm = newVm(measured);
    vm.enableCap!({ kind: 'cap', mask: 7n });
    setApic(vm, measured);
    for (const name of ['F1', 'F4', 'F5'] as const) {
      vm.setFilter(routeFilter(name), 'normal');
      expect(deniedRoute(vm, AccessType.WRITE), name).toBe(expected);
    }
    vm.setFilter(routeFilter('F3'), 'normal');
    expect(deniedRoute(vm, AccessType.READ)).toBe(Route.INTERCEPTED);
  });
});
