/** Every declaration and member that a public entry exports has a docstring, in the declarations as they are built. */
import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT } from '../e2e/cli.ts';

const packageJson = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
const entries = Object.entries<{ readonly types?: string }>(packageJson.exports).flatMap(([name, { types }]) =>
  types === undefined ? [] : [[name, join(ROOT, types)] as const],
);

/** `NAME` or `NAME.MEMBER` of what lacks one. `only`: names that count; undefined: all that the file exports. */
function undocumented(text: string, only?: ReadonlySet<string>): string[] {
  const missing: string[] = [];
  let inComment = false;
  let documented = false;
  let depth = 0;
  let inside: string | undefined;
  for (const line of text.split('\n')) {
    const code = line.trim();
    if (inComment || code.startsWith('/**')) {
      inComment = !code.endsWith('*/');
      documented = true;
      continue;
    }
    const kind = /^export (?:declare )?(?:abstract )?(interface|class)/.exec(line)?.[1];
    const declared = /^export (?:declare )?(?:abstract )?(?:interface|class|function|const|type) (\w+)/.exec(line)?.[1];
    if (depth === 0 && declared !== undefined) {
      inside = !only || only.has(declared) ? declared : undefined;
      if (inside !== undefined && !documented) missing.push(inside);
      // What a type is made of otherwise is said in its own docstring.
      if (kind === undefined) inside = undefined;
    } else if (depth === 1 && inside !== undefined) {
      const member = /^(?:readonly |static )*(\w+)\??(?:<[^(]*>)?[:(]/.exec(code)?.[1];
      if (member !== undefined && member !== 'constructor' && !documented) missing.push(`${inside}.${member}`);
    }
    const bare = code.replace(/'[^']*'|"[^"]*"|`[^`]*`|\/\/.*$/g, '');
    for (const bracket of bare.match(/[{}]/g) ?? []) depth += bracket === '{' ? 1 : -1;
    documented = false;
  }
  return missing;
}

/** Files, and names in them, that a file exports and others declare. */
function reexported(path: string): Map<string, Set<string>> {
  const text = readFileSync(path, 'utf8');
  const from = new Map<string, [file: string, name: string]>();
  for (const [, names, file] of text.matchAll(/^import (?:type )?\{([^}]*)\} from '(\.[^']+)';$/gm)) {
    for (const [name, local] of listed(names!)) from.set(local, [file!, name]);
  }
  const found = new Map<string, Set<string>>();
  const add = (file: string, name: string): void => {
    const target = resolve(dirname(path), file.replace(/\.ts$/, '.d.ts'));
    found.set(target, (found.get(target) ?? new Set()).add(name));
  };
  for (const [, names, file] of text.matchAll(/^export (?:type )?\{([^}]*)\}(?: from '([^']+)')?;$/gm)) {
    for (const [name] of listed(names!)) {
      if (file !== undefined) add(file, name);
      else if (from.has(name)) add(...from.get(name)!);
    }
  }
  return found;
}

/** Name and local name of each in a list of imports or exports. */
function listed(names: string): [string, string][] {
  return names.split(',').flatMap((part): [string, string][] => {
    const [name, local = name] = part
      .trim()
      .replace(/^type /, '')
      .split(' as ');
    return name ? [[name, local!]] : [];
  });
}

describe('docstrings', () => {
  it.each(entries)('are complete in %s', (_, path) => {
    const missing = undocumented(readFileSync(path, 'utf8'));
    for (const [file, names] of reexported(path)) missing.push(...undocumented(readFileSync(file, 'utf8'), names));
    expect(missing).toEqual([]);
  });

  it('are followed into the modules that declare what the library exports', () => {
    const names = [...reexported(join(ROOT, packageJson.exports['.'].types)).values()].flatMap((set) => [...set]);
    expect(names).toEqual(
      expect.arrayContaining(['Engine', 'MsrFilter', 'Divergence', 'InputError', 'CampaignReport']),
    );
  });

  it('are missed where they are missing', () => {
    const text = `
/** Has one. */
export interface A {
    /** Has one. */
    readonly a: number;
    readonly b: {
        readonly c: number;
    };
    d?(x: number): void;
}
export declare function f(): void;
`;
    expect(undocumented(text)).toEqual(['A.b', 'A.d', 'f']);
  });
});
