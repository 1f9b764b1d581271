import assert from 'node:assert/strict';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { Endpoint } from '../../src/wire/endpoint.js';

export const TIMEOUT_MS = 10_000;

export interface Answer {
  readonly status: number | undefined;
  readonly type: string | undefined;
  readonly text: string;
}

/** Asks a metrics server for a path. */
export function get(
  { address, port }: Pick<Endpoint, 'address' | 'port'>,
  path: string,
  method = 'GET',
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request(
      { host: address, port, path, method, timeout: TIMEOUT_MS, agent: false },
      (answer) => {
        let text = '';
        answer.setEncoding('utf8');
        answer.on('data', (part: string) => {
          text += part;
        });
        answer.on('end', () =>
          resolve({ status: answer.statusCode, type: answer.headers['content-type'], text }),
        );
      },
    );
    asked.on('error', reject);
    asked.on('timeout', () => asked.destroy(new Error('no answer over HTTP')));
    asked.end();
  });
}

/** Sends bytes of one's own making; what came back until the other side ended it. */
export function talk(
  { address, port }: Pick<Endpoint, 'address' | 'port'>,
  request: string,
): Promise<string> {
  const socket = connect({ host: address, port, timeout: TIMEOUT_MS });
  socket.on('timeout', () => socket.destroy());
  socket.write(request);
  return heard(socket);
}

/** What a connection says until it is closed; a reset ends it as well. */
export function heard(socket: Socket): Promise<string> {
  let received = '';
  socket.on('data', (bytes) => {
    received += bytes;
  });
  socket.on('error', () => {});
  return new Promise((resolve) => socket.once('close', () => resolve(received)));
}

/** As many small requests as one chunk has room for, one behind the other. */
export function burst(path: string): string {
  const request = `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
  return request.repeat(Math.floor(65_536 / request.length));
}

export function countAnswers(received: string): number {
  return received.split('HTTP/1.1 ').length - 1;
}

/** The value of a sample, by its name and labels as they stand in the text. */
export function sample(text: string, name: string): number {
  const line = text.split('\n').find((it) => it.startsWith(`wg_rendezvous_${name} `));
  assert.ok(line, `${name} in:\n${text}`);
  return Number(line.split(' ')[1]);
}

/** Checks what the metrics of each server have. */
export function assertCommonMetrics(text: string): void {
  assert.equal(sample(text, 'batch_size_bucket{le="+Inf"}'), sample(text, 'batch_size_count'));
  assert.equal(sample(text, 'dropped_datagrams_total{cause="receive_buffer"}'), 0);
  assert.equal(sample(text, 'dropped_datagrams_total{cause="send_queue"}'), 0);
  assert.equal(sample(text, 'socket_errors_total'), 0);
  assert.ok(sample(text, 'receive_buffer_bytes') > 0);
  assert.ok(sample(text, 'send_buffer_bytes') > 0);
  assert.match(text, /^nodejs_eventloop_lag_p99_seconds /m);
  assert.match(text, /^process_cpu_seconds_total /m);
  assert.match(text, /^process_resident_memory_bytes /m);
}
