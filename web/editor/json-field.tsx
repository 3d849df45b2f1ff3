import { useEffect, useRef, useState } from 'preact/hooks';
import type { Scenario } from '../../src/model/scenario.ts';
import { formatScenario } from '../../src/model/scenario-json.ts';
import { messageOf } from '../net/request.ts';
import { Problem } from '../parts/problem.tsx';
import { readText } from './document.ts';

interface JsonFieldProps {
  readonly scenario: Scenario;
  /** Its canonical text. */
  readonly text: string;
  readonly onChange: (scenario: Scenario) => void;
}

const DEBOUNCE_MS = 150;

/** All of the scenario as text. While it is edited the text stays as it was typed. */
export function JsonField({ scenario, text, onChange }: JsonFieldProps) {
  const [draft, setDraft] = useState<string>();
  const [problem, setProblem] = useState<string>();
  const own = useRef<string>(undefined);
  // What another field has changed shows here, too; what was typed here is not written otherwise under one's hands.
  useEffect(() => {
    if (text === own.current) return;
    setDraft(undefined);
    setProblem(undefined);
  }, [text]);
  useEffect(() => {
    if (draft === undefined) return;
    const timer = setTimeout(() => {
      try {
        const read = readText(draft, 'scenario', scenario);
        own.current = formatScenario(read);
        onChange(read);
        setProblem(undefined);
      } catch (error) {
        setProblem(messageOf(error));
      }
    }, DEBOUNCE_MS);
    return () => clearTimeout(timer);
  }, [draft]);
  return (
    <div class="json">
      <label for="scenario-json">Scenario as JSON (a filter alone replaces the filter)</label>
      <textarea
        id="scenario-json"
        rows={Math.min(24, Math.max(6, (draft ?? text).split('\n').length + 1))}
        spellcheck={false}
        autocomplete="off"
        aria-invalid={problem !== undefined}
        value={draft ?? text}
        onInput={({ currentTarget }) => setDraft(currentTarget.value)}
        onBlur={() => problem === undefined && setDraft(undefined)}
      />
      <Problem message={problem} />
    </div>
  );
}
