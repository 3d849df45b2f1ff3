/** Generations of the interface as engines. */
import { ACCESS_FORMS } from '../../model/scenario.ts';
import type { Engine } from '../contract.ts';
import { findGeneration, type Generation } from './generations.ts';
import { HistoryVm } from './history-vm.ts';
import { inexpressible } from './mapping.ts';

/**
 * An engine that follows the rules, whatever the profile of the campaign, and takes no part in what its ABI has no call
 * for.
 */
export function generationEngine({ name, rules }: Pick<Generation, 'name' | 'rules'>): Engine {
  return {
    name,
    capabilities: {
      events: ['filter', 'cap', 'ignoreMsrs', 'apic', 'candidates', 'access', 'reply'],
      forms: ACCESS_FORMS,
      routes: false,
    },
    cannot: (event) => inexpressible(rules, event),
    createVm: (config) => new HistoryVm(rules, config),
  };
}

/** The engine of a generation's name, options included; undefined if there is none. */
export function findHistoryEngine(name: string): Engine | undefined {
  const generation = findGeneration(name);
  // Ids of profiles alone are no names of engines.
  return generation?.name === name ? generationEngine(generation) : undefined;
}
