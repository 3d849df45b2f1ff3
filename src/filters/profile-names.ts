/** Kernel profiles in words. */
import { KERNEL_PROFILES } from '../model/profile.ts';

/** `5.10.0, 6.1`; from three neighbours on `5.10.0 to 6.1`. The ids are in the order of the profiles, oldest first. */
export function profileNames(ids: readonly string[]): string {
  const parts: string[] = [];
  const places = ids.map((id) => KERNEL_PROFILES.findIndex((profile) => profile.id === id));
  for (let from = 0, to = 0; from < places.length; from = ++to) {
    while (places[to + 1] === places[to]! + 1) to++;
    const names = ids.slice(from, to + 1);
    parts.push(names.length > 2 ? `${names[0]} to ${names.at(-1)}` : names.join(', '));
  }
  return parts.join(', ');
}
