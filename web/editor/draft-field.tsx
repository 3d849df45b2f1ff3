/** A text field whose value counts only when it can be read; until then the field says what is wrong with it. */
import { useEffect, useId, useState } from 'preact/hooks';

interface DraftFieldProps {
  readonly label: string;
  /** The label is read out and not shown. */
  readonly hidden?: boolean;
  readonly value: string;
  /** Takes what was typed; the problem in a few words if it cannot be used. */
  readonly onText: (text: string) => string | undefined;
  readonly size?: number;
  readonly multiline?: boolean;
}

export function DraftField({ label, hidden = false, value, onText, size, multiline = false }: DraftFieldProps) {
  const [draft, setDraft] = useState<string>();
  const [problem, setProblem] = useState<string>();
  const id = useId();
  // While it has the focus it keeps what was typed, even if the value is written otherwise.
  useEffect(() => {
    if (document.activeElement?.id !== id) {
      setDraft(undefined);
      setProblem(undefined);
    }
  }, [value, id]);
  const common = {
    id,
    value: draft ?? value,
    spellcheck: false,
    autocomplete: 'off',
    'aria-invalid': problem !== undefined,
    'aria-describedby': problem === undefined ? undefined : `${id}-problem`,
    onInput: ({ currentTarget }: { readonly currentTarget: HTMLInputElement | HTMLTextAreaElement }) => {
      setDraft(currentTarget.value);
      setProblem(onText(currentTarget.value));
    },
    onBlur: () => {
      if (problem === undefined) setDraft(undefined);
    },
  } as const;
  return (
    <span class="field">
      <label for={id} class={hidden ? 'visually-hidden' : ''}>
        {label}
      </label>
      {multiline ? <textarea {...common} rows={2} /> : <input type="text" size={size} {...common} />}
      <span id={`${id}-problem`} class="field-problem">
        {problem}
      </span>
    </span>
  );
}
