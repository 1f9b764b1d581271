import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  decodeMessage,
  decodeRegistration,
  encodeMessage,
  encodeNews,
  encodeRegistration,
  MAX_NEWS_LENGTH,
  MAX_REGISTRATION_LENGTH,
  type News,
  type Registration,
} from '../../../src/server/store/entries.js';
import { SCOPE } from '../../../src/wire/endpoint-scope.js';

const SERVER = 'server01';
const A = 'a'.repeat(32);
const B = '\xff'.repeat(32);
const IPV4 = {
  family: 4,
  bytes: Uint8Array.of(192, 0, 2, 1),
  port: 51820,
  scope: SCOPE.global,
} as const;
const IPV6 = {
  family: 6,
  bytes: Uint8Array.from({ length: 16 }, (_, i) => (i === 0 ? 0x20 : i)),
  port: 7,
  scope: SCOPE.global,
} as const;

function registration(places: Registration['places'], hasList = true): Registration {
  return { timestamp: new Uint8Array(12).fill(9), server: SERVER, hasList, places };
}

const REGISTRATIONS = [
  registration({ 4: IPV4, 6: undefined }),
  registration({ 4: undefined, 6: IPV6 }, false),
  registration({ 4: IPV4, 6: IPV6 }),
];

test('a registration has these bytes, and comes back', () => {
  const bytes = encodeRegistration(REGISTRATIONS[0]!);
  assert.equal(
    bytes.toString('hex'),
    `${'09'.repeat(12)}${Buffer.from(SERVER).toString('hex')}05c0000201ca6c`,
  );
  for (const it of REGISTRATIONS) {
    assert.deepEqual(normal(decodeRegistration(encodeRegistration(it))), normal(it));
  }
  assert.equal(encodeRegistration(REGISTRATIONS[2]!).length, MAX_REGISTRATION_LENGTH);
});

test('a registration that is cut, longer, of unknown flags, without endpoint or with port 0 is none', () => {
  for (const it of REGISTRATIONS) {
    const bytes = encodeRegistration(it);
    for (let length = 0; length < bytes.length; length++) {
      assert.equal(decodeRegistration(bytes.subarray(0, length)), undefined);
    }
    assert.equal(decodeRegistration(Buffer.concat([bytes, Buffer.of(0)])), undefined);
    const marked = Buffer.from(bytes);
    marked[20]! |= 8;
    assert.equal(decodeRegistration(marked), undefined);
  }
  const nowhere = encodeRegistration(registration({ 4: undefined, 6: undefined }));
  assert.equal(decodeRegistration(nowhere), undefined);
  const portless = encodeRegistration(registration({ 4: { ...IPV4, port: 0 }, 6: undefined }));
  assert.equal(decodeRegistration(portless), undefined);
});

test('news come back, several in a message; a cut message gives those before the cut', () => {
  const all: News[] = [
    ...REGISTRATIONS.map((it, i): News => {
      const candidates = i === 0 ? new Uint8Array(248).fill(3) : undefined;
      return { kind: 'here', from: A, to: B, asks: i === 1, registration: it, candidates };
    }),
    { kind: 'gone', from: A, to: B },
    { kind: 'moved', from: B },
  ];
  const encoded = all.map(encodeNews);
  const message = encodeMessage(SERVER, encoded);
  assert.deepEqual(read(message).news.map(plain), all.map(plain));
  for (let length = 0; length < message.length; length++) {
    const { news, isWhole } = read(message.subarray(0, length));
    const ends = encoded.map((_, i) => sum(encoded.slice(0, i + 1)));
    const whole = ends.filter((end) => end <= length).length;
    assert.equal(news.length, whole);
    assert.equal(isWhole, length === sum(encoded.slice(0, whole)));
  }
  assert.equal(read(Buffer.alloc(MAX_NEWS_LENGTH + 1, 3)).isWhole, false);
});

test('random bytes never throw, and what decodes encodes to the same', () => {
  const bytes = fc.uint8Array({ maxLength: 400 });
  fc.assert(
    fc.property(bytes, fc.constantFrom(0, 1, 2, 3), (random, kind) => {
      const message = Buffer.concat([Buffer.from(SERVER), Buffer.of(kind), random]);
      read(message);
      const decoded = decodeRegistration(random);
      if (decoded !== undefined) {
        assert.deepEqual(encodeRegistration(decoded), Buffer.from(random));
      }
    }),
    { numRuns: 20_000 },
  );
});

function sum(news: readonly Uint8Array[]): number {
  return news.reduce((length, it) => length + it.length, SERVER.length);
}

function read(message: Uint8Array): { news: News[]; isWhole: boolean } {
  const news: News[] = [];
  const isWhole = decodeMessage(message, (it, server) => {
    assert.equal(server, SERVER);
    news.push(it);
  });
  return { news, isWhole };
}

function normal(it: Registration | undefined): unknown {
  return it && { ...it, timestamp: [...it.timestamp], places: Object.values(it.places).map(place) };
}

function place(it: Registration['places'][4]): unknown {
  return it && { ...it, bytes: [...it.bytes] };
}

function plain(news: News): unknown {
  const hex = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString('hex');
  return news.kind === 'here'
    ? { ...news, registration: normal(news.registration), candidates: hex(news.candidates) }
    : news;
}
