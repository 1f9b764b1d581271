/* Keeps WireGuard's port mapped, for port-mapping.test.ts. Writes each change as a line of JSON. */
import { PortMapping } from '../../src/client/paths/port-mapping.js';

const [observed = '', port = ''] = process.argv.slice(2);
const mapping = new PortMapping({
  changed: () => {
    const { protocol } = mapping.mapping ?? {};
    say({ protocol, candidate: mapping.candidate(observed) });
  },
  report: (problem) => problem !== undefined && say({ problem }),
});

function say(event: object): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

const device = { interfaceName: 'wg0', listenPort: Number(port), fwmark: 0 };
const timer = setInterval(() => mapping.work(device, performance.now()), 20);
process.once('SIGTERM', async () => {
  clearInterval(timer);
  await mapping.close();
  process.exit();
});
