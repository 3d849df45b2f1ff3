/** The rivals in JavaScript: the engines through their public contract, and structures from npm as the lookup. */
import FlattenTree from '@flatten-js/interval-tree';
import { type Interval, IntervalTree } from 'node-interval-tree';
import { RoaringBitmap32, roaringLibraryInitialize } from 'roaring-wasm';
import type { Engine } from '../src/engines/contract.ts';
import { interval } from '../src/engines/interval.ts';
import { reference } from '../src/engines/reference.ts';
import { svm } from '../src/engines/svm.ts';
import { vmx } from '../src/engines/vmx.ts';
import { catalogueBase } from '../src/model/catalogue.ts';
import { KVM_MSR_EXIT_REASON_FILTER, type MsrFilter, X2APIC_FIRST, X2APIC_LAST } from '../src/model/filter.ts';
import { NEWEST_PROFILE } from '../src/model/profile.ts';
import type { AccessBatch } from '../src/model/scenario.ts';
import { Verdict } from '../src/model/verdict.ts';

export interface JsRival {
  readonly name: string;
  install(filter: MsrFilter): void;
  judge(batch: AccessBatch, verdicts: Uint8Array): void;
  /** Whether an answer of `judge` says that the filter allows the access. */
  allowed(answer: number): boolean;
}

export const ENGINES: readonly Engine[] = [interval, vmx, svm, reference];

/** With exits for what the filter denies: the verdict then tells that from an MSR that KVM does not have. */
export function engineRival(engine: Engine, accesses: number): JsRival {
  const vm = engine.createVm({ profile: NEWEST_PROFILE, base: catalogueBase() });
  vm.enableCap!({ kind: 'cap', mask: BigInt(KVM_MSR_EXIT_REASON_FILTER) });
  const routes = new Uint8Array(accesses);
  return {
    name: engine.name,
    install: (filter) => {
      const errno = vm.setFilter(filter, 'normal');
      if (errno !== 0) throw new Error(`${engine.name} rejects a filter of the bench: ${errno}`);
    },
    judge: (batch, verdicts) => vm.access(batch, verdicts, routes),
    allowed: (answer) => answer !== Verdict.EXIT_FILTER,
  };
}

/** What a tree cannot say by itself: of the ranges that cover the index, the first that names the type decides. */
function decide(filter: MsrFilter, slots: readonly number[], index: number, type: number): number {
  let first = filter.ranges.length;
  for (const slot of slots) if (slot < first && (filter.ranges[slot]!.flags >>> type) & 1) first = slot;
  if (first === filter.ranges.length) return 1 - filter.flags;
  const { base, bitmap } = filter.ranges[first]!;
  const bit = index - base;
  return (bitmap![bit >>> 3]! >>> (bit & 7)) & 1;
}

interface Tree {
  insert(low: number, high: number, slot: number): void;
  search(index: number): number[];
}

function treeRival(name: string, create: () => Tree): JsRival {
  let installed: MsrFilter = { flags: 0, ranges: [] };
  let tree = create();
  return {
    name,
    install: (filter) => {
      installed = filter;
      tree = create();
      for (const [slot, { base, nmsrs }] of filter.ranges.entries()) tree.insert(base, base + nmsrs - 1, slot);
    },
    judge: ({ indices, types }, verdicts) => {
      for (let i = 0; i < indices.length; i++) {
        const index = indices[i]!;
        const exempt = index >= X2APIC_FIRST && index <= X2APIC_LAST;
        verdicts[i] = exempt ? 1 : decide(installed, tree.search(index), index, types[i]!);
      }
    },
    allowed: (answer) => answer === 1,
  };
}

function nodeIntervalTree(): Tree {
  const tree = new IntervalTree<Interval & { readonly slot: number }>();
  return {
    insert: (low, high, slot) => void tree.insert({ low, high, slot }),
    search: (index) => tree.search(index, index).map(({ slot }) => slot),
  };
}

function flattenTree(): Tree {
  const tree = new FlattenTree<number>();
  return {
    insert: (low, high, slot) => void tree.insert([low, high], slot),
    search: (index) => tree.search([index, index]) as number[],
  };
}

/** Per access type the set of the MSRs that differ from the default. */
function roaringRival(): JsRival {
  const sets = [new RoaringBitmap32(), new RoaringBitmap32()] as const;
  let byDefault = 1;
  return {
    name: 'roaring-wasm',
    install: (filter) => {
      byDefault = 1 - filter.flags;
      for (const [type, set] of sets.entries()) {
        set.clear();
        // The first match counts: it is written last.
        for (const { flags, base, nmsrs, bitmap } of filter.ranges.toReversed()) {
          if (((flags >>> type) & 1) === 0) continue;
          const odd: number[] = [];
          for (let bit = 0; bit < nmsrs; bit++) {
            if (((bitmap![bit >>> 3]! >>> (bit & 7)) & 1) !== byDefault) odd.push(base + bit);
          }
          set.removeRange(base, base + nmsrs);
          set.addMany(odd);
        }
        if (byDefault === 1) set.removeRange(X2APIC_FIRST, X2APIC_LAST + 1);
        else set.addRange(X2APIC_FIRST, X2APIC_LAST + 1);
        set.optimize();
      }
    },
    judge: ({ indices, types }, verdicts) => {
      for (let i = 0; i < indices.length; i++) verdicts[i] = Number(sets[types[i]!]!.has(indices[i]!)) ^ byDefault;
    },
    allowed: (answer) => answer === 1,
  };
}

export async function npmRivals(): Promise<JsRival[]> {
  await roaringLibraryInitialize();
  return [
    treeRival('node-interval-tree', nodeIntervalTree),
    treeRival('@flatten-js/interval-tree', flattenTree),
    roaringRival(),
  ];
}

/** The floor: reads the accesses, writes the verdicts, decides nothing. */
export const stream: JsRival = {
  name: 'JS stream',
  install: () => {},
  judge: ({ indices, types }, verdicts) => {
    for (let i = 0; i < indices.length; i++) verdicts[i] = (indices[i]! & 1) ^ types[i]!;
  },
  allowed: () => true,
};
