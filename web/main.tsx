import { render } from 'preact';
import { App } from './app.tsx';
import { liveChanges } from './net/live.ts';
import { applyTheme, storedTheme } from './parts/theme.ts';

applyTheme(storedTheme());
liveChanges.start();
render(<App />, document.getElementById('app')!);
