/** Which engines are compared with each other, by which rules and base outcomes. */
import type { Engine, VmConfig } from '../engines/contract.ts';
import { BaseTable } from '../model/base.ts';
import { catalogueBase } from '../model/catalogue.ts';
import { findProfile, type KernelProfile } from '../model/profile.ts';
import { laneGroup } from './lane.ts';

export interface Group {
  readonly engines: readonly Engine[];
  readonly config: VmConfig;
}

/**
 * The engines that are no kernels, by the profile and the catalogue's base, if there are two to compare or no kernel;
 * and each kernel, with those of them that model it, by its own. Measures the kernels.
 */
export function comparisonGroups(engines: readonly Engine[], profile: KernelProfile): Group[] {
  const models = engines.filter(({ kernel }) => kernel === undefined);
  const kernels = engines.filter(({ kernel }) => kernel !== undefined);
  const groups = kernels.map((engine): Group => {
    const { profile: id, rows } = engine.kernel!.measure();
    return {
      engines: laneGroup(models, engine),
      config: { profile: findProfile(id)!, base: new BaseTable(rows) },
    };
  });
  if (models.length < 2 && kernels.length > 0) return groups;
  return [{ engines: models, config: { profile, base: catalogueBase() } }, ...groups];
}
