import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SoughtPeer } from '../../src/client/finder.js';
import { ObservedAddress, observedText } from '../../src/client/observed-address.js';
import { Problems } from '../../src/client/problems.js';
import { endpoint } from '../../src/wire/endpoint.js';
import { P } from './bench.js';

const PUBLIC_SERVER = endpoint('203.0.113.1', 49918);
const LAN_SERVER = endpoint('192.168.1.1', 49918);
const IN_LAN = endpoint('192.168.1.20', 51820);

class Watch {
  isAlive = false;
  readonly problems = new Problems(() => {});
  readonly #observed: ObservedAddress;

  constructor() {
    const peer = { publicKey: P, isAlive: () => this.isAlive } as unknown as SoughtPeer;
    this.#observed = new ObservedAddress(this.problems, new Map([['peer', peer]]));
  }

  at(now: number, server = PUBLIC_SERVER, observed = IN_LAN): string[] {
    this.#observed.report(server, observed, now);
    return this.problems.texts;
  }
}

test('a private source at a public server is reported while a peer is missing', () => {
  const watch = new Watch();
  assert.deepEqual(watch.at(0), []);
  assert.deepEqual(watch.at(9_999), []);
  const [text] = watch.at(10_000);
  assert.match(
    String(text),
    /^the server sees this host at a private address: it stands in the same LAN, or behind a proxy that hides sources; run it on a public host \(it sees 192\.168\.1\.20:51820\)$/,
  );
  watch.isAlive = true;
  assert.deepEqual(watch.at(11_000), []);
  watch.isAlive = false;
  assert.deepEqual(watch.at(12_000), []);
});

test('a LAN that works, a LAN of its own and a public source are no problem', () => {
  const connected = new Watch();
  connected.isAlive = true;
  assert.deepEqual([connected.at(0), connected.at(60_000)], [[], []]);
  const lan = new Watch();
  assert.deepEqual([lan.at(0, LAN_SERVER), lan.at(60_000, LAN_SERVER)], [[], []]);
  const seen = endpoint('198.51.100.7', 4000);
  const open = new Watch();
  assert.deepEqual([open.at(0, undefined, seen), open.at(60_000, undefined, seen)], [[], []]);
});

test('every address that no peer elsewhere can use has its own text', () => {
  const texts = [
    observedText(PUBLIC_SERVER, endpoint('100.64.0.9', 1)),
    observedText(endpoint('2001:db8::1', 1), endpoint('fd00::9', 1)),
    observedText(endpoint('127.0.1.1', 1), endpoint('127.0.0.1', 1)),
    observedText(endpoint('fe80::1%eth0', 1), endpoint('fe80::2', 1)),
    observedText(PUBLIC_SERVER, undefined),
  ];
  assert.match(String(texts[0]), /private address.*100\.64\.0\.9/);
  assert.match(String(texts[1]), /private address.*\[fd00::9\]/);
  assert.match(String(texts[2]), /is on this host.*public address instead of 127\.0\.1\.1/);
  assert.match(String(texts[3]), /link-local/);
  assert.equal(texts[4], undefined);
});
