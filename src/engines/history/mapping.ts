/**
 * What of a scenario's events a generation's ABI cannot express. The events are those of the released interface; how
 * the others are mapped to older ABIs is in docs/history-engines.md.
 */
import type { MsrFilter } from '../../model/filter.ts';
import type { ScenarioEvent } from '../../model/scenario.ts';
import type { HistoryRules } from './rules.ts';

/** DEFAULT_ALLOW without a range that covers anything. */
export function isOff({ flags, ranges }: MsrFilter): boolean {
  return (flags & 1) === 0 && ranges.every(({ nmsrs }) => nmsrs === 0);
}

/** Why the generation has no call for the event; empty if it has. */
export function inexpressible(rules: HistoryRules, event: ScenarioEvent): string {
  if (event.kind !== 'filter') return '';
  const { filter } = event;
  switch (rules.control) {
    case 'none':
      return '';
    case 'exit-list':
      if ((filter.flags & 1) !== 0) return 'an exit list names MSRs: DEFAULT_DENY would name all';
      return filter.ranges.some(({ nmsrs, flags }) => nmsrs > 0 && flags !== 3)
        ? 'an exit list names MSRs, not directions'
        : '';
    case 'ranges':
      if (!rules.clear && isOff(filter)) return 'an allow list cannot be cleared';
      return rules.defaultAction === 'deny' && (filter.flags & 1) === 0 && !isOff(filter)
        ? 'an allow list denies what it does not name: DEFAULT_ALLOW cannot be expressed'
        : '';
  }
}
