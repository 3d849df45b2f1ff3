/** An open triage page, as far as a server notices: it listens for changes and reads everything again after each. */

/** A page asks anew no more often than this, in milliseconds. */
const PAUSE_MS = 1000;

const ROUTES = ['api/overview', 'api/divergences', 'api/campaigns/1/progress'];

/** Until `signal` aborts. The number of answers read. */
export async function visit(address: string, signal: AbortSignal): Promise<number> {
  let answers = 0;
  try {
    const events = await fetch(new URL('api/events', address), { signal });
    for await (const _change of events.body!) {
      for (const route of ROUTES) {
        const answer = await fetch(new URL(route, address), { signal });
        await answer.arrayBuffer();
        if (answer.ok) answers++;
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  return answers;
}
