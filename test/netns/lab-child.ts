/*
 * A process that makes a lab and then ends in the way its argument says, for lab-lifecycle.test.ts.
 * Prints `ready` and the pids of what it has started, and leaves the clearing up to the lab library.
 * With `distance`, the only such process is the one of the delay lines.
 */
import { createLab } from '../../src/lab/index.js';

const manner = process.argv[2];
if (manner === 'distance') {
  const hosts = { a: { wireguard: false } };
  const lab = await createLab({ hosts, distance: { roundTripMs: 10 } });
  const lines = lab.rendezvous.netns.replace(/rv$/, 'lines');
  console.log(`ready ${(await lab.rendezvous.exec('ip', ['netns', 'pids', lines])).trim()}`);
  process.stdin.resume();
  await new Promise(() => {});
}
const lab = await createLab({ hosts: { a: { nat: 'cone' }, b: {} } });
// One that SIGTERM does not impress, as some programs are.
const stubborn = lab
  .host('a')
  .spawn(process.execPath, [
    '-e',
    "process.on('SIGTERM', () => {}); console.log('up'); setInterval(() => {}, 1e6)",
  ]);
await stubborn.waitForOutput(/up/);
const processes = await Promise.all(
  [lab.host('a'), lab.host('b')].map(({ netns }) =>
    lab.rendezvous.exec('ip', ['netns', 'pids', netns]),
  ),
);
console.log(`ready ${processes.join(' ').split(/\s+/).filter(Boolean).join(' ')}`);

switch (manner) {
  case 'dispose':
    await lab.dispose();
    await lab.dispose();
    break;
  case 'throw':
    throw new Error('thrown on purpose');
  case 'exit':
    process.exit(3);
    break;
  default:
    // Waits for a signal, or for the end of the test.
    process.stdin.on('end', () => process.exit()).resume();
}
