/** Where the compiled scripts of worker threads are. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Path of workers/NAME.js, from src/ as well as from dist/. */
export function workerFile(name: string): string {
  const places = [`../../workers/${name}.js`, `../../dist/workers/${name}.js`];
  const files = places.map((place) => fileURLToPath(new URL(place, import.meta.url)));
  const found = files.find((file) => existsSync(file));
  if (found === undefined) throw new Error(`${files[0]} is missing: run "npm run build"`);
  return found;
}
