/** Where the compiled scripts of worker threads are. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Path of workers/FILE as it is built, such as `probe-worker.js`, from src/ as well as from dist/. */
export function workerFile(file: string): string {
  const places = [`../../workers/${file}`, `../../dist/workers/${file}`];
  const files = places.map((place) => fileURLToPath(new URL(place, import.meta.url)));
  const found = files.find((path) => existsSync(path));
  if (found === undefined) throw new Error(`${files[0]} is missing: run "npm run build"`);
  return found;
}
