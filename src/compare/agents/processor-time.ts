import { readFileSync } from 'node:fs';

/** USER_HZ of /proc/PID/stat on Linux. */
const TICKS_PER_SECOND = 100;

/** Seconds of processor time that a process has used, with its children that have ended. */
export function processorSeconds(pid: number): number {
  // proc(5): utime, stime, cutime, cstime are fields 14 to 17, counted behind the name in brackets.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS_PER_SECOND;
}
