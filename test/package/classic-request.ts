import { createSocket } from 'node:dgram';
import { once } from 'node:events';

/** Sends a classic request to a server on the loopback interface, and returns the length of the reply. */
export async function classicRequest(port: number): Promise<number> {
  const socket = createSocket('udp4');
  try {
    const reply = once(socket, 'message', { signal: AbortSignal.timeout(20_000) });
    socket.send(Buffer.alloc(64, 7), port, '127.0.0.1');
    return ((await reply) as [Buffer])[0].length;
  } finally {
    socket.close();
  }
}
