/** An engine process that says it is a real kernel: what is compared with it goes by its own rules and base. */

import { catalogueBase } from '../../model/catalogue.ts';
import type { MeasuredKernel } from '../../model/kernel.ts';
import { NEWEST_PROFILE, profileOfRelease } from '../../model/profile.ts';
import type { Engine, KernelUnderTest } from '../contract.ts';
import { EngineUnavailable } from '../engine-unavailable.ts';
import { Runner } from '../runner.ts';
import { measureBase } from './measure-base.ts';

/** `description` is HELLO's, and begins with "Linux RELEASE". */
export function kernelUnderTest(
  engine: Engine,
  description: string,
  vendor: KernelUnderTest['vendor'],
): KernelUnderTest {
  return {
    vendor,
    measure(): MeasuredKernel {
      const profile = profileOfRelease(description);
      if (!profile) {
        throw new EngineUnavailable(`engine ${engine.name} runs ${description}: no kernel profile is as old as that`);
      }
      // The kernel has rules and a base of its own; what is said to it of others makes no difference.
      const runner = new Runner(engine, { profile: NEWEST_PROFILE, base: catalogueBase() });
      return { description, profile: profile.id, ...measureBase(runner) };
    },
  };
}
