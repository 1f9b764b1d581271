import type { Socket } from 'node:net';
import { encodeAnswer, type HttpAnswer } from './http-answer.js';
import { type HttpRequest, MAX_HEAD_LENGTH, readRequest } from './http-request.js';

/** What a connection may take, from its first byte to the last of its answer. */
const TIME_LIMIT_MS = 10_000;

/**
 * Answers the first request of a connection and ends it. Not by node:http: that makes all requests of a
 * chunk before it asks whether they are wanted, and 64 KiB hold two thousand of them.
 */
export function answerOnce(
  socket: Socket,
  answer: (request: HttpRequest) => Promise<HttpAnswer>,
): void {
  let received = '';
  const limit = setTimeout(() => socket.destroy(), TIME_LIMIT_MS);
  socket.on('close', () => clearTimeout(limit));
  socket.on('error', () => {}); // such as a reset; the socket is closed after it
  socket.on('end', () => socket.destroy());
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1', 0, MAX_HEAD_LENGTH + 1 - received.length);
    const request = readRequest(received);
    if (request === 'incomplete') {
      return;
    }
    // What else comes stays with the kernel, which stops the sender when it has enough.
    socket.pause();
    finish(socket, request, answer).catch(() => socket.destroy());
  });
}

async function finish(
  socket: Socket,
  request: HttpRequest | 'too long' | 'bad',
  answer: (request: HttpRequest) => Promise<HttpAnswer>,
): Promise<void> {
  const isRead = typeof request !== 'string';
  const reply = isRead ? await answer(request) : REFUSALS[request];
  socket.write(encodeAnswer(reply, isRead ? request.method : 'GET'));
  socket.destroySoon();
}

const REFUSALS: Readonly<Record<'too long' | 'bad', HttpAnswer>> = {
  'too long': { status: 431, text: `a request has ${MAX_HEAD_LENGTH} bytes at most\n` },
  bad: { status: 400, text: 'not a request of HTTP/1\n' },
};
