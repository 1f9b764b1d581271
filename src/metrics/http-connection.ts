import type { Socket } from 'node:net';
import { type HttpRequest, MAX_HEAD_LENGTH, readRequest } from './http-request.js';
import { encodeResponse, type HttpResponse } from './http-response.js';

/** Time limit of a connection, from its first byte to the last of its response. */
const TIME_LIMIT_MS = 10_000;

/**
 * Answers the first request of a connection and ends it. node:http parses all pipelined requests of a
 * chunk before the first is handled, and 64 KiB hold two thousand of them.
 */
export function answerOnce(
  socket: Socket,
  answer: (request: HttpRequest) => Promise<HttpResponse>,
): void {
  let received = '';
  const limit = setTimeout(() => socket.destroy(), TIME_LIMIT_MS);
  socket.on('close', () => clearTimeout(limit));
  socket.on('error', () => {}); // such as a reset; 'close' follows
  socket.on('end', () => socket.destroy());
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1', 0, MAX_HEAD_LENGTH + 1 - received.length);
    const request = readRequest(received);
    if (request === 'incomplete') {
      return;
    }
    // Further bytes stay with the kernel, whose window stops the sender.
    socket.pause();
    finish(socket, request, answer).catch(() => socket.destroy());
  });
}

async function finish(
  socket: Socket,
  request: HttpRequest | 'too long' | 'bad',
  answer: (request: HttpRequest) => Promise<HttpResponse>,
): Promise<void> {
  const isRead = typeof request !== 'string';
  const reply = isRead ? await answer(request) : REFUSALS[request];
  socket.write(encodeResponse(reply, isRead ? request.method : 'GET'));
  socket.destroySoon();
}

const REFUSALS: Readonly<Record<'too long' | 'bad', HttpResponse>> = {
  'too long': { status: 431, text: `expected a request of at most ${MAX_HEAD_LENGTH} bytes\n` },
  bad: { status: 400, text: 'expected a request of HTTP/1\n' },
};
