import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MAX_HEAD_LENGTH, readRequest } from '../../src/metrics/http-request.js';

/** As Prometheus sends it. */
const SCRAPE = `GET /metrics HTTP/1.1\r
Host: 127.0.0.1:9108\r
User-Agent: Prometheus/2.53.0\r
Accept: application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1\r
Accept-Encoding: gzip\r
X-Prometheus-Scrape-Timeout-Seconds: 10\r
\r
`;

test('method and path are read, in each form of the target', () => {
  for (const [head, method, path] of [
    [SCRAPE, 'GET', '/metrics'],
    ['GET / HTTP/1.0\r\n\r\n', 'GET', '/'],
    ['HEAD /readyz?probe=1 HTTP/1.1\nHost: a\n\n', 'HEAD', '/readyz'],
    ['GET http://host:1/healthz?a/b HTTP/1.1\r\n\r\n', 'GET', '/healthz'],
    ['POST /metrics HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody', 'POST', '/metrics'],
  ] as const) {
    assert.deepEqual(readRequest(head), { method, path }, head);
  }
});

test('a head is incomplete up to its last byte, and bytes after it are ignored', () => {
  for (let length = 0; length < SCRAPE.length; length++) {
    assert.equal(readRequest(SCRAPE.slice(0, length)), 'incomplete', `${length} bytes`);
  }
  assert.deepEqual(readRequest(SCRAPE + SCRAPE), { method: 'GET', path: '/metrics' });
});

test('other bytes are a bad request, and a head without an end is too long', () => {
  for (const head of [
    '\r\n\r\n',
    'GET /metrics\r\n\r\n',
    'GET  /metrics HTTP/1.1\r\n\r\n',
    'GET /a\r\nX: HTTP/1.1\r\n\r\n',
    'GET metrics HTTP/1.1\r\n\r\n',
    'GET /metrics HTTP/2.0\r\n\r\n',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    '\x16\x03\x01\n\n',
  ]) {
    assert.equal(readRequest(head), 'bad', JSON.stringify(head));
  }
  const endless = 'GET /metrics HTTP/1.1\r\nX: '.padEnd(MAX_HEAD_LENGTH, 'x');
  assert.equal(readRequest(endless), 'incomplete');
  assert.equal(readRequest(`${endless}x`), 'too long');
});

test('any bytes: a request has a path (property)', () => {
  const part = fc.constantFrom('GET', ' ', '/', 'x', '?', 'http://', ' HTTP/1.1', '\r', '\n', '\0');
  const head = fc.oneof(
    fc.array(part, { maxLength: 12 }).map((parts) => `${parts.join('')}\n\n`),
    fc
      .uint8Array({ maxLength: 200, size: 'max' })
      .map((bytes) => Buffer.from(bytes).toString('latin1')),
  );
  fc.assert(
    fc.property(head, (received) => {
      const request = readRequest(received);
      if (typeof request !== 'string') {
        assert.match(request.method, /^[A-Z]+$/);
        assert.match(request.path, /^\/[^?\s]*$/);
      }
    }),
  );
});
