import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pino } from 'pino';
import { peerLog } from '../../src/cli/peer-log.js';
import type { ClientEvent } from '../../src/client/client.js';
import type { PeerView } from '../../src/client/peer-track.js';
import { parseEndpoint } from '../../src/wire/endpoint.js';
import { formatPublicKey, publicKey } from '../../src/wire/key.js';

/** A peer that the server does not know; `n` makes its key. */
function peer(n: number, fields: Partial<PeerView> = {}): PeerView {
  const key = publicKey(new Uint8Array(32).fill(n));
  return {
    publicKey: key,
    name: formatPublicKey(key).slice(0, 8),
    endpoint: undefined,
    state: 'unknown',
    handshakeAgeMs: undefined,
    answer: 'unknown',
    unknownForMs: 0,
    offers: [],
    path: undefined,
    roundTripMs: undefined,
    ...fields,
  };
}

/** A peer whose endpoint ends with that port. */
function at(n: number, port: number): PeerView {
  const endpoint = parseEndpoint(`192.0.2.1:${port}`);
  return peer(n, { endpoint, state: 'connecting', answer: [endpoint], unknownForMs: undefined });
}

/** A log on a fake clock, and its lines. */
function setUp() {
  const lines: string[] = [];
  const clock = { now: 0 };
  const logger = pino({}, { write: (line: string) => lines.push(JSON.parse(line).msg) });
  const observe = peerLog(logger, new Map(), () => clock.now);
  return { lines, clock, observe };
}

function peers(...views: PeerView[]): ClientEvent {
  return { type: 'peers', peers: views };
}

describe('the log of a client', () => {
  it('has a line for each change of a peer, and none if nothing changes', () => {
    const { lines, observe } = setUp();
    observe(peers(peer(1)));
    observe(peers(peer(1)));
    observe(peers(at(1, 1000)));
    assert.equal(lines.length, 2);
    assert.match(lines[1]!, /connecting.*192\.0\.2\.1:1000/);
  });

  it('limits the lines about a peer that changes all the time, and has its latest state', () => {
    const { lines, clock, observe } = setUp();
    for (let port = 1; port <= 600; port++) {
      observe(peers(at(1, port)));
      observe({
        type: 'changed',
        peer: { publicKey: peer(1).publicKey, endpoint: parseEndpoint(`192.0.2.1:${port}`) },
      });
      clock.now += 20;
    }
    assert.ok(lines.length <= 2 * (6 + 3), `${lines.length} lines in 12 s`);
    clock.now += 60_000;
    observe(peers(at(1, 600)));
    assert.ok(
      lines.some((line) => /connecting.*:600 .*\d+ earlier lines about this left out/.test(line)),
    );
    assert.ok(lines.some((line) => /endpoint set to .*:600 \(\d+ earlier/.test(line)));
    const before = lines.length;
    observe(peers(at(1, 600)));
    assert.equal(lines.length, before);
  });

  it('limits the lines about a problem that comes and goes', () => {
    const { lines, clock, observe } = setUp();
    for (let i = 0; i < 1000; i++) {
      observe({ type: 'problem', topic: 'server', text: 'no answer' });
      observe({ type: 'solved', topic: 'server' });
      clock.now += 10;
    }
    assert.ok(lines.length <= 8, `${lines.length} lines in 10 s`);
    clock.now += 60_000;
    observe(peers());
    assert.match(lines.at(-1)!, /answers again \(\d+ earlier lines/);
  });

  it('leaves the lines about one peer alone when another changes all the time', () => {
    const { lines, observe } = setUp();
    for (let port = 1; port <= 100; port++) {
      observe(peers(at(1, port), peer(2)));
    }
    observe(peers(at(1, 100), at(2, 7)));
    assert.ok(lines.some((line) => line.includes(peer(2).name) && line.includes('192.0.2.1:7')));
  });

  it('has a summary for each second with more than ten changes, also of 500 peers', () => {
    const { lines, clock, observe } = setUp();
    const all = (views: (n: number) => PeerView): ClientEvent =>
      peers(...Array.from({ length: 500 }, (_, i) => views(i)));
    const nth = (n: number, fields: Partial<PeerView> = {}): PeerView => {
      const key = publicKey(new Uint8Array(32).fill(n % 250, n < 250 ? 0 : 1));
      return { ...peer(1), publicKey: key, name: formatPublicKey(key).slice(0, 8), ...fields };
    };
    const endpoint = parseEndpoint('192.0.2.1:1');
    observe(all((n) => nth(n)));
    assert.equal(lines.length, 10, 'as many as people can read');
    for (let i = 0; i < 20; i++) {
      clock.now += 100;
      observe(all((n) => nth(n, n < 20 * i ? { endpoint, state: 'connected' } : {})));
    }
    assert.equal(lines.length, 12, lines.join('\n'));
    assert.match(
      lines[10]!,
      /^\d{3} more changes of peers: now \d+ unknown, \d+ connected|^\d{3} more/,
    );
    clock.now += 1000;
    observe(all((n) => nth(n, n < 380 ? { endpoint, state: 'connected' } : {})));
    assert.match(lines.at(-1)!, /: now 380 connected, 120 unknown \(each of them with/);
    clock.now += 5000;
    observe(all((n) => nth(n, n < 381 ? { endpoint, state: 'connected' } : {})));
    assert.match(lines.at(-1)!, /^peer .{8}: connected, endpoint/, 'a line again when it is calm');
  });

  it('asks after 30 s whether an unknown peer uses the same protocol and server key', () => {
    const { lines, observe } = setUp();
    observe(peers(peer(1, { unknownForMs: 29_000 })));
    assert.doesNotMatch(lines[0]!, /protocol/);
    observe(peers(peer(1, { unknownForMs: 30_000 })));
    observe(peers(peer(1, { unknownForMs: 32_000 })));
    assert.equal(lines.length, 2);
    assert.match(lines[1]!, /same protocol and server key/);
  });
});
