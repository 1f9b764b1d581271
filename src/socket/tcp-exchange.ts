import { connect } from 'node:net';
import type { Endpoint } from '../wire/endpoint.js';

/** Bytes before each message: its length (RFC 1035 section 4.2.2). */
const LENGTH_BYTES = 2;

/**
 * Sends a message with its length before it, over a connection of its own, and gives the first message that
 * comes back. Rejects with the system's error, and when the time is over, the signal says so, or the server
 * ends the connection before its message does. Keeps 64 KiB and a chunk at most.
 */
export function exchangeOverTcp(
  { address, port }: Endpoint,
  message: Uint8Array,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port, signal });
    const timer = setTimeout(() => {
      socket.destroy(Object.assign(new Error('no answer in time'), { code: 'ETIMEDOUT' }));
    }, timeoutMs);
    let received: Uint8Array = new Uint8Array(0);
    socket.on('data', (bytes) => {
      received = Buffer.concat([received, bytes]);
      const answer = wholeMessage(received);
      if (answer !== undefined) {
        resolve(answer);
        socket.destroy();
      }
    });
    socket.on('end', () => socket.destroy());
    socket.on('error', reject);
    socket.on('close', () => {
      clearTimeout(timer);
      reject(new Error('the server ended the connection'));
    });
    socket.write(withLength(message));
  });
}

function withLength(message: Uint8Array): Uint8Array {
  const framed = new Uint8Array(LENGTH_BYTES + message.length);
  new DataView(framed.buffer).setUint16(0, message.length);
  framed.set(message, LENGTH_BYTES);
  return framed;
}

function wholeMessage(received: Uint8Array): Uint8Array | undefined {
  const [high, low] = received;
  if (high === undefined || low === undefined) {
    return undefined;
  }
  const end = LENGTH_BYTES + ((high << 8) | low);
  return received.length < end ? undefined : received.subarray(LENGTH_BYTES, end);
}
