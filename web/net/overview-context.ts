/** The overview, which every page needs a part of: facets, whether notes can be written, the database's path. */
import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { Overview } from '../../src/web/api.ts';
import type { Resource } from './use-resource.ts';

export const OverviewContext = createContext<Resource<Overview> | undefined>(undefined);

export function useOverview(): Resource<Overview> {
  return useContext(OverviewContext)!;
}
