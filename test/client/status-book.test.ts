import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UNKNOWN_BEHAVIOUR } from '../../src/client/paths/nat-behaviour.js';
import type { PeerView } from '../../src/client/peer-track.js';
import { MAX_STATUS_PEERS, StatusBook } from '../../src/client/status/status-book.js';
import { parseEndpoint } from '../../src/wire/endpoint.js';
import { formatPublicKey, publicKey } from '../../src/wire/key.js';

const HERE = parseEndpoint('198.51.100.9:51820');
const THERE = parseEndpoint('203.0.113.5:40000');

function view(number: number, more: Partial<PeerView> = {}): PeerView {
  const bytes = new Uint8Array(32);
  new DataView(bytes.buffer).setUint32(0, number);
  return {
    publicKey: publicKey(bytes),
    name: 'short',
    endpoint: undefined,
    state: 'asking',
    handshakeAgeMs: undefined,
    answer: undefined,
    unknownForMs: undefined,
    offers: [],
    path: more.state === 'connected' ? 'direct' : undefined,
    roundTripMs: undefined,
    ...more,
  };
}

const newBook = () =>
  new StatusBook({
    nameOf: (key) => (key === formatPublicKey(view(1).publicKey) ? 'laptop' : undefined),
    reasonOf: ({ state }) => (state === 'connected' ? undefined : `because it is ${state}`),
  });

function peersOf(book: StatusBook) {
  return book.report.peers;
}

test("a peer's NAT is shown as far as the peer told it", () => {
  const book = newBook();
  const nat = { ...UNKNOWN_BEHAVIOUR, translation: 'nat', mapping: 'address-dependent' } as const;
  book.observe(
    { type: 'peers', peers: [view(1, { nat }), view(2, { nat: UNKNOWN_BEHAVIOUR })] },
    0,
  );
  assert.deepEqual(
    peersOf(book).map((peer) => peer.nat),
    [{ mapping: 'address-dependent' }, undefined],
  );
});

test('a peer has the time of its state, and the last change with its cause', () => {
  const book = newBook();
  const see = (now: number, more: Partial<PeerView>) =>
    book.observe({ type: 'peers', peers: [view(1, more)] }, now);
  see(1000, {});
  assert.equal(peersOf(book)[0]?.change, undefined);
  see(2000, { state: 'connecting', endpoint: HERE, answer: [HERE] });
  see(3000, { state: 'connected', endpoint: HERE, handshakeAgeMs: 400 });
  see(4000, { state: 'connected', endpoint: HERE, handshakeAgeMs: 1400 });
  const [peer] = peersOf(book);
  assert.deepEqual(
    { ...peer },
    {
      publicKey: formatPublicKey(view(1).publicKey),
      name: 'laptop',
      state: 'connected',
      path: 'direct',
      endpoint: '198.51.100.9:51820',
      roundTripMs: undefined,
      handshakeAgeSeconds: 1,
      since: '1970-01-01T00:00:03.000Z',
      change: {
        time: '1970-01-01T00:00:03.000Z',
        what: 'connected at 198.51.100.9:51820',
        why: 'a handshake succeeded',
      },
      answer: undefined,
      offers: undefined,
      reason: undefined,
    },
  );
  see(5000, { state: 'unknown', endpoint: HERE, answer: 'unknown' });
  assert.deepEqual(peersOf(book)[0]?.change, {
    time: '1970-01-01T00:00:05.000Z',
    what: 'lost at 198.51.100.9:51820',
    why: 'it fell silent, and no server knows it',
  });
  assert.equal(peersOf(book)[0]?.reason, 'because it is unknown');
});

test('an endpoint that the client set is told from one that WireGuard followed', () => {
  const book = newBook();
  const see = (now: number, endpoint: PeerView['endpoint']) =>
    book.observe({ type: 'peers', peers: [view(1, { state: 'connected', endpoint })] }, now);
  see(1000, HERE);
  see(2000, THERE);
  assert.equal(peersOf(book)[0]?.change?.why, 'WireGuard followed the peer');
  book.observe({ type: 'changed', peer: { publicKey: view(1).publicKey, endpoint: HERE } }, 2500);
  see(3000, HERE);
  const [peer] = peersOf(book);
  assert.equal(peer?.change?.why, 'set by this client');
  assert.equal(peer?.since, '1970-01-01T00:00:01.000Z', 'it was connected all the time');
});

test('peers in trouble come first, and no more than the limit are listed', () => {
  const book = newBook();
  const connected = Array.from({ length: MAX_STATUS_PEERS }, (_, i) =>
    view(i, { state: 'connected' }),
  );
  book.observe({ type: 'peers', peers: [...connected, view(99_999, { state: 'unknown' })] }, 0);
  const { counts, peers } = book.report;
  assert.equal(counts.peers, MAX_STATUS_PEERS + 1);
  assert.equal(counts.connected, MAX_STATUS_PEERS);
  assert.equal(peers.length, MAX_STATUS_PEERS);
  assert.equal(peers[0]?.state, 'unknown');
  book.observe({ type: 'peers', peers: [] }, 1);
  assert.equal(book.report.counts.peers, 0, 'a peer that is gone is forgotten');
});

test('a problem keeps the time of its beginning until it is solved', () => {
  const book = newBook();
  book.observe({ type: 'problem', topic: 'server', text: 'one' }, 1000);
  book.observe({ type: 'problem', topic: 'server', text: 'two' }, 2000);
  assert.deepEqual(book.report.problems, [
    { topic: 'server', text: 'two', since: '1970-01-01T00:00:01.000Z' },
  ]);
  book.observe({ type: 'solved', topic: 'server' }, 3000);
  assert.deepEqual(book.report.problems, []);
});
