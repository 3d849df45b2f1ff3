/** What a schema of zod's finds wrong, as one line that names the field. */
import type { z } from 'zod';

/**
 * The first problem as `campaign.seed: what is wrong`.
 *
 * @param whole what the value itself is called, where no field of it is to blame
 */
export function schemaProblem(error: z.ZodError, whole = 'the configuration'): string {
  let issue = error.issues[0]!;
  let at = [...issue.path];
  // Of alternatives, the one that was meant is the object: it says more than "invalid input".
  while (issue.code === 'invalid_union' && issue.errors.length > 0) {
    const inner = issue.errors.findLast(
      (issues) => issues.some(({ code }) => code !== 'invalid_type') || issues.some(({ path }) => path.length > 0),
    );
    if (!inner?.[0]) break;
    issue = inner[0];
    at = [...at, ...issue.path];
  }
  if (issue.code === 'unrecognized_keys') {
    return `${pathText([...at, issue.keys[0]!], whole)}: no such key`;
  }
  return `${pathText(at, whole)}: ${issue.message}`;
}

function pathText(path: readonly PropertyKey[], whole: string): string {
  const joined = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('');
  return joined.replace(/^\./, '') || whole;
}
