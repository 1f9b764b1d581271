/*
 * Builds a lab and then ends in the way of its argument, for lab-lifecycle.test.ts and
 * lab-distance.test.ts. Prints `ready` and the pids of its processes; the lab has to clean up. With
 * `distance` the only such process is that of the delay lines.
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
// Ignores SIGTERM, as some programs do.
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
    // Runs until a signal, or the end of the test.
    process.stdin.on('end', () => process.exit()).resume();
}
