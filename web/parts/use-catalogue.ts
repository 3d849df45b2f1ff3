/** Names of MSRs. The catalogue is most of what the pages weigh, so it is loaded once something is shown without it. */
import { useEffect, useState } from 'preact/hooks';

export interface Catalogue {
  readonly nameOf: (index: number) => string | undefined;
  /** By name, as the catalogue spells it or in other case; undefined if there is none. */
  readonly indexOf: (name: string) => number | undefined;
  /** Ascending. */
  readonly rows: readonly { readonly index: number; readonly name: string; readonly count?: number }[];
}

let loading: Promise<Catalogue> | undefined;

async function load(): Promise<Catalogue> {
  const { msrName } = await import('../../src/model/catalogue.ts');
  const { MSR_ROWS } = await import('../../src/model/catalogue-data.ts');
  const names = new Map<number, string | undefined>();
  const indices = new Map(MSR_ROWS.map(({ name, index }) => [name.toUpperCase(), index]));
  const nameOf = (index: number): string | undefined => {
    if (!names.has(index)) names.set(index, msrName(index));
    return names.get(index);
  };
  return { nameOf, indexOf: (name) => indices.get(name.toUpperCase()), rows: MSR_ROWS };
}

/** Undefined until it is there. */
export function useCatalogue(): Catalogue | undefined {
  const [catalogue, setCatalogue] = useState<Catalogue>();
  useEffect(() => {
    let wanted = true;
    loading ??= load();
    loading.then(
      (loaded) => wanted && setCatalogue(loaded),
      () => {
        // Indices are still there without their names.
        loading = undefined;
      },
    );
    return () => {
      wanted = false;
    };
  }, []);
  return catalogue;
}
