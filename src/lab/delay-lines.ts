import type { Namespace } from './namespace.js';
import { nativeProgram } from './native-program.js';
import { lineInterfaces, type NodePlan } from './topology.js';

/*
 * The uplink of a distant site passes through a namespace of its own:
 *
 *   site (wan or eth0) ---- in-SITE [ lines ] out-SITE ---- SITE (port of the bridge `net`) [ inet ]
 *
 * native/lab/delay-lines.cc forwards between in-SITE and out-SITE. It replaces tc-netem(8), which many
 * kernels lack, and which delays and drops neighbour discovery and reorders packets whenever it jitters.
 */

const NANOSECONDS = 1e6;

/** Starts all delay lines. Rejects if they do not start. */
export async function startDelayLines(lines: Namespace, plans: readonly NodePlan[]): Promise<void> {
  const commands = plans.flatMap(({ name, line }) => {
    if (line === undefined) {
      return [];
    }
    const { inside, outside } = lineInterfaces(name);
    const times = [line.delayMs, line.jitterMs].map((ms) => Math.round(ms * NANOSECONDS));
    return `line ${inside} ${outside} ${times.join(' ')} ${line.loss} ${Number(line.reorder)}\n`;
  });
  const forwarder = lines.spawn(await nativeProgram('delay-lines'));
  forwarder.write(`${commands.join('')}sync\n`);
  await forwarder.waitForOutput(/ready\n/);
}
