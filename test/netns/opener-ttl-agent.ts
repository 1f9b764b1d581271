/*
 * Sends from a port by a raw socket, for opener-ttl.test.ts. Reads `ADDRESS PORT TTL` from each line of stdin,
 * and writes a line for each datagram that arrives.
 */
import { createInterface } from 'node:readline';
import { openRawSocket } from '../../src/socket/raw-socket.js';
import { endpoint, formatEndpoint } from '../../src/wire/endpoint.js';

const PAYLOAD = Buffer.from('wgr opener');
const raw = openRawSocket({
  rule: {
    family: 4,
    source: undefined,
    listenPort: Number(process.argv[2]),
    payloadLengths: [PAYLOAD.length],
  },
  mark: 0,
  onPayload: (_, from) => process.stdout.write(`from ${formatEndpoint(from)}\n`),
  onError: (error) => process.stderr.write(`${error.message}\n`),
});
process.stdout.write('ready\n');
for await (const line of createInterface({ input: process.stdin })) {
  const [address = '', port, ttl] = line.split(' ');
  raw.send(PAYLOAD, endpoint(address, Number(port)), Number(ttl));
}
await raw.close();
