import { useState } from 'preact/hooks';
import { STATUSES, type Status } from '../../src/model/status.ts';
import type { DivergenceDetails, StatusRequest } from '../../src/web/api.ts';
import { messageOf, post } from '../net/request.ts';
import { Problem } from './problem.tsx';

interface StatusFormProps {
  readonly divergence: DivergenceDetails;
  readonly onSaved: (divergence: DivergenceDetails) => void;
}

const AUTHOR_KEY = 'msrdiff-author';

export function StatusForm({ divergence, onSaved }: StatusFormProps) {
  const [status, setStatus] = useState<Status>();
  const [note, setNote] = useState('');
  const [author, setAuthor] = useState(() => localStorage.getItem(AUTHOR_KEY) ?? '');
  const [error, setError] = useState<string>();
  const [busy, setBusy] = useState(false);
  const [said, setSaid] = useState('');
  const changed = status !== undefined && status !== divergence.status;
  const save = async (): Promise<void> => {
    setBusy(true);
    setSaid('');
    localStorage.setItem(AUTHOR_KEY, author.trim());
    const body: StatusRequest = { ...(changed ? { status } : {}), note: note.trim(), author: author.trim() };
    try {
      onSaved(await post<DivergenceDetails>(`/api/divergences/${divergence.id}/status`, body));
      setError(undefined);
      setNote('');
      setStatus(undefined);
      setSaid('Saved.');
    } catch (problem) {
      setError(messageOf(problem));
    } finally {
      setBusy(false);
    }
  };
  return (
    <form
      class="status-form"
      aria-label="Triage"
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <label>
        Status
        <select
          value={status ?? divergence.status}
          onChange={({ currentTarget }) => setStatus(currentTarget.value as Status)}
        >
          {STATUSES.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </label>
      <label class="grow">
        Note
        <textarea rows={2} value={note} onInput={({ currentTarget }) => setNote(currentTarget.value)} />
      </label>
      <label>
        Author
        <input
          type="text"
          required
          autocomplete="name"
          value={author}
          onInput={({ currentTarget }) => setAuthor(currentTarget.value)}
        />
      </label>
      <button type="submit" class="primary" disabled={busy || (!changed && note.trim() === '')}>
        Save
      </button>
      <span role="status">{said}</span>
      <Problem message={error} />
    </form>
  );
}
