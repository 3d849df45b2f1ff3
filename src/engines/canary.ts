/**
 * An engine that is always wrong: every decision of the filter is inverted. It proves that the pipeline reports what
 * it should; a campaign with it that reports nothing is broken.
 */
import type { AccessType } from '../model/verdict.ts';
import type { Engine } from './contract.ts';
import { ReferenceVm, reference } from './reference.ts';

class CanaryVm extends ReferenceVm {
  override allows(index: number, type: AccessType): boolean {
    return !super.allows(index, type);
  }
}

export const canary: Engine = {
  name: 'canary',
  capabilities: reference.capabilities,
  createVm: (config) => new CanaryVm(config),
};
