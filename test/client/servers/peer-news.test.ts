import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PeerNews } from '../../../src/client/servers/peer-news.js';
import { endpoint } from '../../../src/wire/endpoint.js';
import { NAT_LENGTH, type PeerCandidates } from '../../../src/wire/sealed-candidates.js';

const at = (n: number) => endpoint(`198.51.100.${n}`, 51820);
const V6 = endpoint('2001:db8::1', 51820);

function candidates(run: number, port: number): PeerCandidates {
  const offered = { type: 'host', endpoint: endpoint('192.168.1.5', port) } as const;
  return { run, nat: new Uint8Array(NAT_LENGTH), candidates: [offered] };
}

test('before the first answer there is none, and only where all are silent', () => {
  const news = new PeerNews(2);
  assert.equal(news.all, undefined);
  assert.equal(news.newestServer, undefined);
  news.answered(1, 'unknown');
  assert.equal(news.all, 'unknown');
});

test('a server that does not know the peer says nothing against one that does, whenever it says so', () => {
  const news = new PeerNews(3);
  news.answered(0, 'unknown');
  news.answered(1, [at(1)]);
  news.answered(2, 'unknown');
  news.answered(0, 'unknown');
  assert.deepEqual(news.all, [at(1)]);
  assert.equal(news.newestServer, 1);
  assert.deepEqual(
    [0, 1, 2].map((server) => news.isFoundBy(server)),
    [false, true, false],
  );
  news.answered(1, 'unknown');
  assert.equal(news.all, 'unknown');
});

test('the newest observation comes first; what is only repeated is not newer', () => {
  const news = new PeerNews(2);
  news.answered(0, [at(1)]);
  news.answered(1, [at(1)]);
  assert.deepEqual(news.all, [at(1)], 'what both see is there once');
  news.answered(0, [at(2)]);
  assert.deepEqual(news.all, [at(2), at(1)]);
  assert.deepEqual(news.newest, [at(2)]);
  // The second one repeats what it knows, as after a lost acknowledgement.
  news.answered(1, [at(1)]);
  assert.deepEqual(news.all, [at(2), at(1)]);
  assert.equal(news.newestServer, 0);
  news.answered(1, [at(3)]);
  assert.deepEqual(news.all, [at(3), at(2)]);
  assert.equal(news.newestServer, 1);
  // Back at the first endpoint: that is a change.
  news.answered(0, 'unknown');
  news.answered(0, [at(2)]);
  assert.deepEqual(news.all, [at(2), at(3)]);
});

test('a family that only an older answer has is kept, and endpoints are bounded', () => {
  const news = new PeerNews(8);
  news.answered(0, [V6, at(1)]);
  news.answered(1, [at(2)]);
  assert.deepEqual(news.all, [at(2), V6, at(1)]);
  assert.deepEqual(news.newest, [at(2), V6]);
  for (let server = 2; server < 8; server++) {
    news.answered(server, [at(10 + server)]);
  }
  assert.deepEqual(news.all, [at(17), at(16), at(15), at(14)]);
});

test('candidates are those of the latest run, and of one run those that came last', () => {
  const news = new PeerNews(2);
  assert.equal(news.offers, undefined);
  news.offered(0, candidates(1000, 1));
  news.offered(1, candidates(1000, 2));
  assert.deepEqual(news.offers, candidates(1000, 2));
  news.offered(0, candidates(1000, 1));
  assert.deepEqual(news.offers, candidates(1000, 2), 'a repetition is not newer');
  news.offered(0, candidates(2000, 3));
  news.offered(1, candidates(1000, 4));
  assert.deepEqual(news.offers, candidates(2000, 3), 'of a client that has ended since');
  news.offered(0, undefined);
  assert.deepEqual(news.offers, candidates(1000, 4));
});

test('of several relays both sides use the same, and the other one where that fails', () => {
  const news = new PeerNews(3);
  const order = [2, 0, 1];
  assert.equal(news.relay(order), undefined);
  news.relayed(0, at(1));
  assert.deepEqual(news.relay(order), at(1));
  news.relayed(2, at(2));
  assert.deepEqual(news.relay(order), at(2));
  news.relayed(2, undefined);
  assert.deepEqual(news.relay(order), at(1));
});
