/**
 * What a test file has begun ends with it. Vitest takes hooks while it collects tests; an `afterAll` in a helper that is
 * called later, from `beforeAll` or a test, is never run. This one is made when the helper's module is loaded.
 */
import { afterAll } from 'vitest';

const steps: (() => unknown)[] = [];

afterAll(async () => {
  // What was begun last may use what was there before.
  for (const step of steps.splice(0).reverse()) await step();
});

/** To be called whenever there is something to be ended, undone or removed. */
export function atEnd(step: () => unknown): void {
  steps.push(step);
}
