import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { printable } from '../../../src/server/store/store-link.js';
import { parseStoreUrl } from '../../../src/server/store/store-url.js';

test('hosts, ports, TLS, users, passwords, databases and sockets are read', () => {
  for (const [url, expected] of [
    ['redis://db.example', { host: 'db.example', port: 6379, isTls: false, database: 0 }],
    ['rediss://db.example:7000/3', { host: 'db.example', port: 7000, isTls: true, database: 3 }],
    ['redis://[2001:db8::1]:7', { host: '2001:db8::1', port: 7, isTls: false, database: 0 }],
    [
      'redis://rv:s%40cret@192.0.2.1',
      {
        host: '192.0.2.1',
        port: 6379,
        isTls: false,
        database: 0,
        username: 'rv',
        password: 's@cret',
      },
    ],
    ['unix:/run/redis.sock', { path: '/run/redis.sock', isTls: false, database: 0 }],
    [
      'unix://:geheim@/run/redis.sock?db=2',
      { path: '/run/redis.sock', isTls: false, database: 2, password: 'geheim' },
    ],
  ] as const) {
    const { text, ...read } = parseStoreUrl(url);
    assert.deepEqual(read, expected, url);
    assert.doesNotMatch(text, /cret|geheim|rv:/);
  }
  assert.equal(parseStoreUrl('redis://u:p@h/1').text, 'redis://h:6379');
});

test('what is no URL of a store is refused, and never repeated: it may hold a password', () => {
  for (const url of [
    '',
    'geheim',
    'http://geheim@host',
    'redis://:geheim@',
    'redis://u:geheim@host/x',
    'redis://u:geheim@host/99999',
    'redis://u:geheim%zz@host',
    'redis://u:geheim@host:99999',
    'unix:geheim',
    'unix:/',
    'unix://geheim/path',
    `redis://${'geheim'.repeat(1000)}`,
  ]) {
    assert.throws(
      () => parseStoreUrl(url),
      (error: Error) => error instanceof RangeError && !error.message.includes('geheim'),
      url,
    );
  }
});

test('any text is read or refused', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.webUrl()), (text) => {
      for (const url of [text, `redis://${text}`, `unix:${text}`]) {
        try {
          parseStoreUrl(url);
        } catch (error) {
          assert.ok(error instanceof RangeError);
        }
      }
    }),
    { numRuns: 3000 },
  );
});

test('words of a store are short and printable in a log, and without the password', () => {
  assert.equal(printable('ERR bad\u0000\n\u001b[31m geheim x', 'geheim'), 'ERR bad [31m *** x');
  assert.equal(printable('x'.repeat(1000), undefined).length, 120);
});
