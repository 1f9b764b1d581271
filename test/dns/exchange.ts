import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type DecodedPacket, decode } from 'dns-packet';
import type { DnsTransport } from '../../src/dns/responder.js';
import { exchangeOverTcp } from '../../src/socket/tcp-exchange.js';
import type { Endpoint } from '../../src/wire/endpoint.js';

const TIMEOUT_MS = 10_000;

/** Asks a server, from a socket of its own. */
export async function exchange(
  server: Endpoint,
  message: Uint8Array,
  transport: DnsTransport,
): Promise<DecodedPacket> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  if (transport === 'tcp') {
    const reply = await exchangeOverTcp(server, message, { timeoutMs: TIMEOUT_MS, signal });
    return decode(Buffer.from(reply));
  }
  const socket = createSocket('udp4');
  try {
    const answer = once(socket, 'message', { signal });
    socket.send(message, server.port, server.address);
    return decode(((await answer) as [Buffer])[0]);
  } finally {
    socket.close();
  }
}
