/** Keys of the list: `/` to the search, j and k or the arrows from row to row. Enter opens, as on any link. */
import { useEffect } from 'preact/hooks';

const STEPS: Readonly<Record<string, number>> = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 };

function isField(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest('input, select, textarea, [role=application]') !== null;
}

export function useListKeys(): void {
  useEffect(() => {
    const press = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey || isField(event.target)) return;
      if (event.key === '/') {
        event.preventDefault();
        document.querySelector<HTMLInputElement>('input[type=search]')?.focus();
        return;
      }
      const step = STEPS[event.key];
      if (step === undefined) return;
      const links = [...document.querySelectorAll<HTMLAnchorElement>('a[data-row]')];
      const at = links.indexOf(document.activeElement as HTMLAnchorElement);
      // Arrows scroll the page until a row has been chosen.
      if (at < 0 && event.key.startsWith('Arrow')) return;
      const next = links[at < 0 ? 0 : Math.min(links.length - 1, Math.max(0, at + step))];
      if (!next) return;
      event.preventDefault();
      next.focus();
      next.scrollIntoView({ block: 'nearest' });
    };
    document.addEventListener('keydown', press);
    return () => document.removeEventListener('keydown', press);
  }, []);
}
