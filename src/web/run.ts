/** POST /api/run: an edited scenario, by every engine. Changes nothing that is stored. */
import { Hono } from 'hono';
import { type EngineSpec, labelOf } from '../engines/registry.ts';
import { countAccesses } from '../engines/runner.ts';
import { NewestFirst } from '../fuzz/newest-first.ts';
import type { AbsentEngine, RunThread } from '../fuzz/run-thread.ts';
import { InputError } from '../model/input-error.ts';
import { at, readObject, readString } from '../model/json-fields.ts';
import { parseJsonText } from '../model/json-text.ts';
import { findProfile, KERNEL_PROFILES } from '../model/profile.ts';
import type { Scenario } from '../model/scenario.ts';
import { parseScenario } from '../model/scenario-json.ts';
import type { Store } from '../store/store.ts';
import type { RunReply } from './api.ts';

/** Each is asked about by itself, in every engine. */
const MAX_ACCESSES = 4096;

export interface RunOptions {
  readonly store: Store;
  readonly thread: RunThread;
  /** That run every scenario. */
  readonly engines: readonly EngineSpec[];
  /** Engine commands that may be run. */
  readonly commands: readonly string[];
}

export function runRoutes({ store, thread, engines, commands }: RunOptions): Hono {
  const runs = new NewestFirst();
  return new Hono().post('/run', async (c) => {
    const { scenario, profile, divergence } = readRunRequest(await c.req.text());
    const stored = divergence === undefined ? [] : (await store.divergence(divergence)).engines;
    const { chosen, absent } = choose(engines, stored as readonly EngineSpec[], commands);
    const answer = await runs.run(() => thread.run(chosen, scenario, profile));
    return c.json({ ...answer, absent: [...absent, ...answer.absent] } satisfies RunReply);
  });
}

/** The server's engines and those of a divergence, each once; what a database names as a command is not run for that. */
function choose(
  own: readonly EngineSpec[],
  stored: readonly EngineSpec[],
  commands: readonly string[],
): { chosen: readonly EngineSpec[]; absent: readonly AbsentEngine[] } {
  const chosen = [...own];
  const absent: AbsentEngine[] = [];
  for (const spec of stored) {
    if (chosen.some((other) => other.kind === spec.kind && labelOf(other) === labelOf(spec))) continue;
    if (spec.kind === 'command' && !commands.includes(spec.command)) {
      const reason = 'a command is only run if it is given again: start msrdiff serve with --engine-command';
      absent.push({ engine: spec.command, reason });
    } else chosen.push(spec);
  }
  return { chosen, absent };
}

interface CheckedRequest {
  readonly scenario: Scenario;
  readonly profile: string;
  readonly divergence: string | undefined;
}

function readRunRequest(text: string): CheckedRequest {
  const place = { where: 'body', path: '' };
  const body = readObject(parseJsonText(text, 'body'), place, ['scenario', 'profile'], ['divergence']);
  const profile = findProfile(readString(body.profile, at(place, 'profile')));
  if (!profile) throw new InputError(`body: profile: known are ${KERNEL_PROFILES.map(({ id }) => id).join(', ')}`);
  const divergence = body.divergence === undefined ? undefined : readString(body.divergence, at(place, 'divergence'));
  if (divergence !== undefined && !/^[0-9a-f]{1,64}$/i.test(divergence)) {
    throw new InputError('body: divergence: expected hex digits of a divergence id');
  }
  const json = parseJsonText(readString(body.scenario, at(place, 'scenario')), 'scenario');
  const scenario = parseScenario(json, 'scenario');
  const accesses = countAccesses(scenario);
  if (accesses > MAX_ACCESSES) {
    throw new InputError(`scenario: ${accesses} accesses; at most ${MAX_ACCESSES} are run here: use "msrdiff replay"`);
  }
  return { scenario, profile: profile.id, divergence };
}
