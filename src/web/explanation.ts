/** GET /api/divergences/:id/explanation: runs the engines again, for one divergence at a time. */
import { Hono } from 'hono';
import { EngineUnavailable } from '../engines/engine-unavailable.ts';
import { enginesOfStored, explainStored } from '../fuzz/explain/stored.ts';
import type { Store, StoredDivergence } from '../store/store.ts';
import type { ExplanationReply } from './api.ts';
import { refusal } from './problem.ts';
import { findDivergence } from './reading.ts';

/** Each may take as long as an engine hangs: who comes later is told to come again. */
const MAX_WAITING = 32;

/** Explains a divergence; one at a time. */
export type Explainer = (found: StoredDivergence) => Promise<ExplanationReply>;

/** `commands`: engine commands that may be run. */
export function explainer(commands: readonly string[]): Explainer {
  let last: Promise<unknown> = Promise.resolve();
  const running = new Map<string, Promise<ExplanationReply>>();
  return (found) => {
    const before = running.get(found.id);
    if (before) return before;
    if (running.size >= MAX_WAITING) throw refusal(503, 'too many explanations are being made: try again in a minute');
    const reply = last.then(() => explained(found, commands)).finally(() => running.delete(found.id));
    running.set(found.id, reply);
    last = reply.catch(() => {});
    return reply;
  };
}

export function explanationRoutes(store: Store, explain: Explainer): Hono {
  return new Hono().get('/divergences/:id/explanation', async (c) =>
    c.json(await explain(await findDivergence(store, c))),
  );
}

async function explained(found: StoredDivergence, commands: readonly string[]): Promise<ExplanationReply> {
  try {
    const { text: _, ...reply } = await explainStored(found, () => enginesOfStored(found, commands));
    return reply;
  } catch (error) {
    if (error instanceof EngineUnavailable) return { explanation: null, refused: error.message };
    throw error;
  }
}
