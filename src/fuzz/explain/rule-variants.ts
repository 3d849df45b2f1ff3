/**
 * Named rule variants: the documented rules with one of them altered. An engine that behaves like one of them, at a
 * divergence and all around it, breaks that rule.
 */
import type { Engine, EngineVm, VmConfig } from '../../engines/contract.ts';
import { reference } from '../../engines/reference.ts';
import { BITMAP_VARIANTS } from './variants-bitmap.ts';
import { EXIT_VARIANTS } from './variants-exit.ts';
import { IOCTL_VARIANTS } from './variants-ioctl.ts';
import { RANGE_VARIANTS } from './variants-range.ts';
import { STATE_VARIANTS } from './variants-state.ts';

/** What a variant is built from: the rule it breaks, and a reference VM that breaks it. */
export interface VariantDefinition {
  /** Short, unique. */
  readonly name: string;
  /** What an engine with this mistake does, in one sentence. */
  readonly sentence: string;
  /** The rule that it breaks: documentation or kernel function. */
  readonly source: string;
  readonly vm: new (config: VmConfig) => EngineVm;
}

export interface RuleVariant {
  readonly name: string;
  readonly sentence: string;
  readonly source: string;
  readonly engine: Engine;
}

function ruleVariant({ name, sentence, source, vm: Vm }: VariantDefinition): RuleVariant {
  const slug = name.toLowerCase().replace(/[^a-z0-9]+/g, '-');
  const engine: Engine = {
    name: `rule-${slug}`,
    capabilities: reference.capabilities,
    createVm: (config) => new Vm(config),
  };
  return { name, sentence, source, engine };
}

/** All named rule variants. */
export const RULE_VARIANTS: readonly RuleVariant[] = [
  ...RANGE_VARIANTS,
  ...BITMAP_VARIANTS,
  ...EXIT_VARIANTS,
  ...IOCTL_VARIANTS,
  ...STATE_VARIANTS,
].map(ruleVariant);
