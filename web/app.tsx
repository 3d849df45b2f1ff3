/** The frame around every page, and which page an address is. */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { Overview } from '../src/web/api.ts';
import { useConnectionLost } from './net/live.ts';
import { OverviewContext } from './net/overview-context.ts';
import { useResource } from './net/use-resource.ts';
import { DivergencesPage } from './pages/divergences.tsx';
import { OverviewPage } from './pages/overview.tsx';
import { lazy } from './parts/lazy.tsx';
import { ThemeSwitch } from './parts/theme-switch.tsx';
import { type Place, usePlace } from './route/location.ts';

// These two have the editor and the pictures, which the others do not need.
const DivergencePage = lazy(async () => (await import('./pages/divergence.tsx')).DivergencePage);
const PlaygroundPage = lazy(async () => (await import('./pages/playground.tsx')).PlaygroundPage);

const PAGES = [
  { path: '/', name: 'Overview' },
  { path: '/divergences', name: 'Divergences' },
  { path: '/playground', name: 'Playground' },
] as const;

export function App() {
  const place = usePlace();
  const overview = useResource<Overview>('/api/overview');
  const main = useRef<HTMLElement>(null);
  const previous = useRef(place.path);
  // Somebody who does not see the page has to hear that another one is there.
  useEffect(() => {
    if (previous.current !== place.path) main.current?.focus({ preventScroll: true });
    previous.current = place.path;
  }, [place.path]);
  return (
    <OverviewContext.Provider value={overview}>
      <a class="skip" href="#main">
        Skip to content
      </a>
      <header class="bar">
        <a class="brand" href="/">
          msrdiff
        </a>
        <nav aria-label="Pages">
          {PAGES.map(({ path, name }) => (
            <a key={path} href={path} aria-current={isCurrent(place.path, path) ? 'page' : undefined}>
              {name}
            </a>
          ))}
        </nav>
        <span class="database" title="Database">
          {overview.data?.database}
          {overview.data?.readOnly ? ' (read-only)' : ''}
        </span>
        <ThemeSwitch />
      </header>
      <ConnectionBanner />
      <main id="main" ref={main} tabIndex={-1}>
        {pageAt(place)}
      </main>
      <footer>msrdiff {overview.data?.version}</footer>
    </OverviewContext.Provider>
  );
}

function isCurrent(path: string, page: string): boolean {
  return page === '/' ? path === '/' : path === page || path.startsWith(`${page}/`);
}

function pageAt({ path, query }: Place): ComponentChildren {
  const [, id] = /^\/divergences\/([\da-f]+)$/i.exec(path) ?? [];
  if (id !== undefined) return <DivergencePage key={id} id={id} />;
  if (path === '/divergences') return <DivergencesPage query={query} />;
  if (path === '/playground') return <PlaygroundPage />;
  if (path === '/') return <OverviewPage query={query} />;
  return (
    <>
      <h1>No such page</h1>
      <p>
        There is nothing at <code>{path}</code>. <a href="/">Overview</a>
      </p>
    </>
  );
}

function ConnectionBanner() {
  const lost = useConnectionLost();
  return (
    <div class="banner" role="status" data-testid="connection">
      {lost && 'Connection to the server lost. What is shown may be old; trying again.'}
    </div>
  );
}
