import { connect } from 'node:net';
import { decodeFrame, encodeFrame } from '../wire/dns-frame.js';
import type { Endpoint } from '../wire/endpoint.js';

/**
 * Sends a DNS message over a TCP connection of its own, and resolves to the first message that comes back.
 * Rejects with the system's error, with ETIMEDOUT, with an AbortError, and when the server closes the
 * connection early. Buffers at most 64 KiB and a chunk.
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
      const frame = decodeFrame(received);
      if (frame !== undefined) {
        resolve(frame.message);
        socket.destroy();
      }
    });
    socket.on('end', () => socket.destroy());
    socket.on('error', reject);
    socket.on('close', () => {
      clearTimeout(timer);
      reject(new Error('the server ended the connection'));
    });
    socket.write(encodeFrame(message));
  });
}
