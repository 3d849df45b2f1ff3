/** A stored divergence as something to hand over. */
import { InputError } from '../model/input-error.ts';
import { parseJsonText } from '../model/json-text.ts';
import { findProfile, type KernelProfile } from '../model/profile.ts';
import { resultName } from '../model/result-name.ts';
import { parseScenario } from '../model/scenario-json.ts';
import type { StoredDivergence } from '../store/store.ts';
import type { HistoryEntry } from '../store/triage.ts';
import type { ExportSubject } from './subject.ts';

/** By the rules of `profile` instead of those that it was found with, where one is given. Throws InputError. */
export function subjectOfStored(
  stored: StoredDivergence,
  history: readonly HistoryEntry[],
  version: string,
  profile: KernelProfile | undefined = findProfile(stored.profile),
): ExportSubject {
  const { id, kind, vector, scenario: text } = stored;
  if (!profile) throw new InputError(`${id}: profile ${stored.profile} is unknown here: choose one by --profile`);
  return {
    source: id,
    scenario: parseScenario(parseJsonText(text, id), id),
    text,
    profile,
    version,
    divergence: {
      ...stored,
      engines: stored.engines,
      expected: resultName(kind, stored.expected),
      got: resultName(kind, stored.got),
      results: Object.fromEntries(Object.entries(vector).map(([engine, value]) => [engine, resultName(kind, value)])),
      history,
    },
  };
}
