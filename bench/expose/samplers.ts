/** The sources of cases, under one face: case after case, until the visitor has seen enough. */
import fc from 'fast-check';
import { CaseGenerator } from '../../src/fuzz/case.ts';
import { caseChoices } from '../../src/fuzz/shard.ts';
import { findProfile, type KernelProfile } from '../../src/model/profile.ts';
import type { Scenario } from '../../src/model/scenario.ts';
import { plainScenario } from './plain.ts';
import type { Knowledge } from './shape.ts';
import { UniformSampler } from './uniform.ts';

/** Returns whether to go on. */
type Visit = (scenario: Scenario) => boolean;
interface Draw {
  readonly profile: KernelProfile;
  readonly accesses: number;
  readonly seed: number;
  readonly limit: number;
}
type Sampler = (draw: Draw, visit: Visit) => void;

const generator: Sampler = ({ profile, accesses, seed, limit }, visit) => {
  const cases = new CaseGenerator(profile, accesses);
  for (let number = 0; number < limit; number++) {
    if (!visit(cases.generate(caseChoices(BigInt(seed), number)))) return;
  }
};

const uniform =
  (knowledge: Knowledge): Sampler =>
  ({ profile, accesses, seed, limit }, visit) => {
    const cases = new UniformSampler(profile, accesses, knowledge);
    for (let number = 0; number < limit; number++) if (!visit(cases.generate(seed, number))) return;
  };

/** A property as a user runs it; it fails, unshrunk, when the visitor has seen enough. */
const plain =
  (knowledge: Knowledge): Sampler =>
  ({ profile, accesses, seed, limit }, visit) => {
    const cases = plainScenario(profile, accesses, knowledge);
    fc.check(fc.property(cases, visit), { seed, numRuns: limit, endOnFailure: true });
  };

export const SAMPLERS = {
  msrdiff: generator,
  uniform: uniform({ informed: false }),
  'uniform, informed': uniform({ informed: true }),
  'fast-check': plain({ informed: false }),
  'fast-check, informed': plain({ informed: true }),
} as const;
export type SamplerName = keyof typeof SAMPLERS;
export const RIVALS = (Object.keys(SAMPLERS) as SamplerName[]).filter((name) => name !== 'msrdiff');

/** What is drawn, of one sampler. */
export interface Stream {
  readonly sampler: SamplerName;
  readonly seed: number;
  /** Of a case. */
  readonly accesses: number;
  /** Most cases. */
  readonly limit: number;
}

export function sample({ sampler, ...draw }: Stream, profile: string, visit: Visit): void {
  SAMPLERS[sampler]({ ...draw, profile: findProfile(profile)! }, visit);
}
