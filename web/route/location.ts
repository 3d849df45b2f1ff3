/** The address as state. The pages have real paths; the server answers all of them with the same document. */
import { useEffect, useState } from 'preact/hooks';

export interface Place {
  readonly path: string;
  readonly query: string;
}

const MOVED = 'msrdiff-moved';

function here(): Place {
  return { path: location.pathname, query: location.search };
}

/** Goes to another place of this page. `replace`: without an entry in the history. */
export function navigate(to: string, replace = false): void {
  if (replace) history.replaceState(null, '', to);
  else {
    history.pushState(null, '', to);
    if (!to.startsWith('?')) scrollTo(0, 0);
  }
  dispatchEvent(new Event(MOVED));
}

/** Follows links within the page without loading it again. */
function followLink(event: MouseEvent): void {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey)
    return;
  const link = event.target instanceof Element ? event.target.closest('a') : null;
  if (!link || link.target || link.hasAttribute('download') || link.origin !== location.origin) return;
  if (link.pathname.startsWith('/api/') || link.hash !== '') return;
  event.preventDefault();
  navigate(link.pathname + link.search);
}

export function usePlace(): Place {
  const [place, setPlace] = useState(here);
  useEffect(() => {
    const update = (): void => setPlace(here());
    addEventListener('popstate', update);
    addEventListener(MOVED, update);
    document.addEventListener('click', followLink);
    return () => {
      removeEventListener('popstate', update);
      removeEventListener(MOVED, update);
      document.removeEventListener('click', followLink);
    };
  }, []);
  return place;
}
