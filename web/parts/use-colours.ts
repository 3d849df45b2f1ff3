import { useEffect, useState } from 'preact/hooks';
import { onThemeChange, readColours } from './theme.ts';

/** {@link readColours}, again whenever the theme changes. `names` must stay the same. */
export function useColours<Name extends string>(names: readonly Name[]): Record<Name, string> {
  const [colours, setColours] = useState(() => readColours(names));
  useEffect(() => onThemeChange(() => setColours(readColours(names))), [names]);
  return colours;
}
