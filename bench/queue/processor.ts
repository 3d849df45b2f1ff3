/** Seconds of the processor that processes have used, from /proc (Linux). */
import { readFileSync } from 'node:fs';

/** Of /proc/PID/stat; USER_HZ is 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** All threads, user and system. */
export function processorSeconds(pid: number): number {
  // The second field, the name, may hold anything: what follows it is counted from its last bracket.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}
