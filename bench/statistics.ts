/** Time and medians. */

/**
 * Milliseconds of the processor, helper threads of V8 included: on a machine that is shared the clock on the wall counts
 * what others did.
 */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

export const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >>> 1]!;

/** Samples by rival, in the order in which the rivals were first seen. */
export class Samples {
  private readonly byName = new Map<string, number[]>();

  note(name: string, value: number): void {
    const values = this.byName.get(name);
    if (values) values.push(value);
    else this.byName.set(name, [value]);
  }

  medians(): Record<string, number> {
    return Object.fromEntries([...this.byName].map(([name, values]) => [name, median(values)]));
  }
}
