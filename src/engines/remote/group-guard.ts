/**
 * Kills a group of processes when msrdiff is gone, in whatever way it went: a shell waits at the end of a pipe that
 * nothing is written to and that only this process holds open. PR_SET_PDEATHSIG would reach the group's leader alone,
 * which of `sh -c COMMAND` may be a shell that waits for the engine.
 */
import { spawn } from 'node:child_process';

const SCRIPT = 'read -r line; kill -s KILL -- "-$1"';

/** Returns what ends the guard without harm to the group. */
export function guardGroup(leader: number): () => void {
  const guard = spawn('sh', ['-c', SCRIPT, 'sh', String(leader)], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  // Without a guard the group still sees the end of its input.
  guard.on('error', () => {});
  guard.stdin.on('error', () => {});
  return () => guard.kill('SIGKILL');
}
