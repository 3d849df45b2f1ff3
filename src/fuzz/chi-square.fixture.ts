/** Pearson's chi-square test: whether two samples, or a sample and a theory, have one distribution. */

export type Counts = ReadonlyMap<string | number, number>;

/** Classes that are expected less often than this are taken together (Cochran's rule). */
const LEAST_EXPECTED = 5;

/** p of two samples, by class, under the hypothesis that one distribution gave both. */
export function homogeneity(a: Counts, b: Counts): number {
  const [totalA, totalB] = [total(a), total(b)];
  const cells: Cell[] = [...new Set([...a.keys(), ...b.keys()])].map((key) => {
    const [inA, inB] = [a.get(key) ?? 0, b.get(key) ?? 0];
    const share = (inA + inB) / (totalA + totalB);
    return { observed: [inA, inB], expected: [share * totalA, share * totalB] };
  });
  return pOf(cells);
}

/** p of a sample under the hypothesis that each class has its share. */
export function fairness(counts: Counts, shares: Counts): number {
  const sum = total(counts);
  return pOf([...shares].map(([key, share]) => ({ observed: [counts.get(key) ?? 0], expected: [share * sum] })));
}

interface Cell {
  observed: number[];
  expected: number[];
}

function pOf(cells: readonly Cell[]): number {
  const often = cells.filter(({ expected }) => Math.min(...expected) >= LEAST_EXPECTED);
  const rare = cells.filter((cell) => !often.includes(cell));
  if (rare.length > 0) often.push(rare.reduce(joined));
  let statistic = 0;
  for (const { observed, expected } of often)
    for (const [i, count] of observed.entries()) statistic += (count - expected[i]!) ** 2 / expected[i]!;
  return often.length < 2 ? 1 : survival(statistic, often.length - 1);
}

function joined(a: Cell, b: Cell): Cell {
  const sum = (x: number[], y: number[]): number[] => x.map((value, i) => value + y[i]!);
  return { observed: sum(a.observed, b.observed), expected: sum(a.expected, b.expected) };
}

const total = (counts: Counts): number => [...counts.values()].reduce((sum, count) => sum + count, 0);

/** P(X >= x) for chi-square with that many degrees of freedom: the regularized upper incomplete gamma function. */
export function survival(x: number, freedom: number): number {
  if (x <= 0) return 1;
  const a = freedom / 2;
  const z = x / 2;
  const front = Math.exp(a * Math.log(z) - z - logGamma(a));
  return z < a + 1 ? 1 - front * series(a, z) : front * fraction(a, z);
}

function series(a: number, z: number): number {
  let term = 1 / a;
  let sum = term;
  for (let n = 1; term > sum * 1e-16; n++) {
    term *= z / (a + n);
    sum += term;
  }
  return sum;
}

/** Lentz's method (Numerical Recipes, "Incomplete Gamma Function"). */
function fraction(a: number, z: number): number {
  let b = z + 1 - a;
  let c = 1e300;
  let d = 1 / b;
  let h = d;
  for (let n = 1; n < 10_000; n++) {
    const an = -n * (n - a);
    b += 2;
    d = 1 / (an * d + b);
    c = b + an / c;
    h *= c * d;
    if (Math.abs(c * d - 1) < 1e-14) break;
  }
  return h;
}

/** Of multiples of 1/2: exact by recurrence, up from 1 or 1/2. */
function logGamma(a: number): number {
  let sum = Number.isInteger(a) ? 0 : Math.log(Math.PI) / 2;
  for (let n = Number.isInteger(a) ? 1 : 0.5; n < a; n++) sum += Math.log(n);
  return sum;
}
