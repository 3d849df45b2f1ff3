import type { Status } from '../../src/model/status.ts';

/** A status as a word, with a colour that says nothing more; and how often the divergence came back. */
export function StatusBadge({ status, reopened = 0 }: { readonly status: Status; readonly reopened?: number }) {
  return (
    <>
      <span class={`badge badge-${status}`}>{status}</span>
      {reopened > 0 && (
        <span class="badge badge-reopened" title="Came back after it had been fixed">
          reopened{reopened > 1 ? ` ${reopened}×` : ''}
        </span>
      )}
    </>
  );
}
