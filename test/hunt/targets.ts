/** All targets, by name. Each is loaded by itself: what a thread has loaded, its coverage has to look through. */
import type { Target } from './target.ts';

const LOADERS: Readonly<Record<string, () => Promise<{ readonly target: Target }>>> = {
  'filter-json': () => import('./targets/filter-json.ts'),
  'filter-binary': () => import('./targets/filter-binary.ts'),
  'filter-formats': () => import('./targets/filter-formats.ts'),
  policy: () => import('./targets/policy.ts'),
  scenario: () => import('./targets/scenario.ts'),
  'ground-truth': () => import('./targets/ground-truth.ts'),
  ledger: () => import('./targets/ledger.ts'),
  nightly: () => import('./targets/nightly.ts'),
  answers: () => import('./targets/answers.ts'),
  frames: () => import('./targets/frames.ts'),
  requests: () => import('./targets/requests.ts'),
  certificate: () => import('./targets/certificate.ts'),
  'kernel-files': () => import('./targets/kernel-files.ts'),
  packages: () => import('./targets/packages.ts'),
  options: () => import('./targets/options.ts'),
  share: () => import('./targets/share.ts'),
  rows: () => import('./targets/rows.ts'),
  http: () => import('./targets/http.ts'),
};

export const TARGETS: readonly string[] = Object.keys(LOADERS);

export async function findTarget(name: string): Promise<Target> {
  const load = LOADERS[name];
  if (!load) throw new Error(`no target ${name}: known are ${TARGETS.join(', ')}`);
  return (await load()).target;
}
