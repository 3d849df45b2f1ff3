/** One line that says what went wrong, with a way to try again. */
interface ProblemProps {
  readonly message: string | undefined;
  readonly retry?: (() => void) | undefined;
}

export function Problem({ message, retry }: ProblemProps) {
  return (
    <div role="alert" class="problem-slot">
      {message !== undefined && (
        <p class="problem">
          <strong>Error:</strong> {message}{' '}
          {retry && (
            <button type="button" onClick={retry}>
              Try again
            </button>
          )}
        </p>
      )}
    </div>
  );
}
