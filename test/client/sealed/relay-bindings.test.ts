import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RelayBindings } from '../../../src/client/sealed/relay-bindings.js';
import { hasBindMac, writeBindMac } from '../../../src/sealed/bind-mac.js';
import { type Endpoint, formatEndpoint, parseEndpoint } from '../../../src/wire/endpoint.js';
import {
  BIND_LENGTH,
  BIND_OFFSET,
  BINDING,
  type BindingState,
  isBind,
  readBindCounter,
  writeBound,
} from '../../../src/wire/relay.js';

const SERVER = parseEndpoint('192.0.2.1:49918');
const RELAY = parseEndpoint('192.0.2.1:49920');
const PEER = 'peer';

function offer(id = 7, fill = 1, port = RELAY.port) {
  return { port, id, key: new Uint8Array(16).fill(fill) };
}

/** Bindings with one offer, and what they sent. */
function setUp() {
  const sent: { readonly to: Endpoint; readonly message: Uint8Array }[] = [];
  const changes: string[] = [];
  const lost: number[] = [];
  const bindings = new RelayBindings({
    send: (to, message) => sent.push({ to, message: message.slice() }),
    changed: () => changes.push(bindings.state(PEER)),
    lost: (now) => lost.push(now),
  });
  bindings.useServer(SERVER);
  bindings.offered(PEER, offer());
  const last = () => sent.at(-1)!;
  const answer = (
    state: BindingState,
    { counter = readBindCounter(last().message, 0), fill = 1, token = 0 } = {},
  ) => {
    const bytes = new Uint8Array(BIND_LENGTH);
    writeBound(bytes, 0, 7, counter, state);
    bytes.fill(token, BIND_OFFSET.token, BIND_OFFSET.mac);
    writeBindMac(bytes, 0, new Uint8Array(16).fill(fill));
    return bytes;
  };
  return { bindings, sent, changes, lost, last, answer };
}

test('a bind goes to the relay port, and again until both are bound: with the token that was asked for', () => {
  const { bindings, sent, last, answer } = setUp();
  bindings.work(0);
  assert.equal(formatEndpoint(last().to), formatEndpoint(RELAY));
  assert.ok(isBind(last().message, 0, BIND_LENGTH) && hasBindMac(last().message, 0, offer().key));
  assert.equal(bindings.nextAt, 250);
  bindings.received(RELAY, answer(BINDING.challenged, { token: 9 }), 20);
  assert.equal(sent.length, 2, 'at once');
  assert.deepEqual(
    last().message.subarray(BIND_OFFSET.token, BIND_OFFSET.mac),
    new Uint8Array(8).fill(9),
  );
  bindings.received(RELAY, answer(BINDING.bound), 40);
  assert.equal(bindings.state(PEER), 'bound');
  assert.equal(bindings.endpoint(PEER), undefined);
  bindings.received(RELAY, answer(BINDING.connected), 50);
  assert.equal(bindings.state(PEER), 'connected', 'unasked, with the counter of the last answer');
  assert.equal(bindings.endpoint(PEER)?.port, RELAY.port);
  assert.equal(bindings.nextAt, 20_050);
});

test('an answer without the key, from elsewhere, or to another bind than the last is none', () => {
  const { bindings, last, answer } = setUp();
  bindings.work(0);
  const counter = readBindCounter(last().message, 0);
  for (const [from, bytes] of [
    [RELAY, answer(BINDING.connected, { fill: 2 })],
    [RELAY, answer(BINDING.connected, { counter: counter + 1 })],
    [RELAY, answer(BINDING.connected, { counter: counter - 1 })],
    [{ ...RELAY, port: RELAY.port + 1 }, answer(BINDING.connected)],
    [parseEndpoint('192.0.2.2:49920'), answer(BINDING.connected)],
    [RELAY, answer(BINDING.connected).subarray(1)],
  ] as const) {
    bindings.received(from, bytes, 10);
  }
  assert.notEqual(bindings.state(PEER), 'connected');
  bindings.received(RELAY, answer(BINDING.connected), 20);
  assert.equal(bindings.state(PEER), 'connected');
  bindings.received(RELAY, answer(BINDING.bound), 30);
  assert.equal(bindings.state(PEER), 'connected', 'a repeated counter may only say more');
});

test('a binding in doubt is renewed at once, and lost within two seconds without an answer', () => {
  const { bindings, sent, lost, answer } = setUp();
  bindings.doubted(0);
  bindings.work(0);
  bindings.received(RELAY, answer(BINDING.connected), 1);
  bindings.doubted(5000);
  bindings.work(5000);
  assert.equal(sent.length, 2);
  bindings.received(RELAY, answer(BINDING.connected), 5001);
  assert.equal(bindings.nextAt, 25_001);
  for (let now = 6000; now < 8000; now += 50) {
    bindings.doubted(now);
    bindings.work(now);
  }
  assert.deepEqual(lost, [7750]);
  assert.equal(sent.length, 6, 'doubted again and again, it waits all the same');
});

test('binds without answers: four are a loss, and after twenty they are seldom', () => {
  const { bindings, sent, lost, changes, answer } = setUp();
  bindings.work(0);
  bindings.received(RELAY, answer(BINDING.connected), 1);
  let now = bindings.nextAt;
  const times: number[] = [];
  for (let i = 0; i < 24; i++) {
    bindings.work(now);
    times.push(now);
    now = bindings.nextAt;
  }
  const pauses = times.slice(1).map((at, i) => at - times[i]!);
  assert.deepEqual(pauses.slice(0, 4), [250, 500, 1000, 1000]);
  assert.deepEqual(pauses.slice(-2), [5000, 5000]);
  assert.equal(lost.length, 1);
  assert.deepEqual(changes, ['connected', 'binding']);
  assert.equal(sent.length, 25);
});

test('new credentials for the same port leave it connected; another port, or server, does not', () => {
  const { bindings, sent, answer } = setUp();
  bindings.work(0);
  bindings.received(RELAY, answer(BINDING.connected), 1);
  bindings.offered(PEER, offer(8, 3));
  assert.equal(bindings.state(PEER), 'connected');
  bindings.work(2);
  assert.equal(sent.length, 2, 'bound again at once');
  assert.equal(readBindCounter(sent[1]!.message, 0), 1);
  bindings.offered(PEER, offer(9, 3, RELAY.port + 1));
  assert.equal(bindings.state(PEER), 'binding');
  bindings.useServer(parseEndpoint('192.0.2.9:49918'));
  bindings.work(3);
  assert.equal(formatEndpoint(sent.at(-1)!.to), '192.0.2.9:49921');
  bindings.useServer(undefined);
  assert.equal(bindings.nextAt, Number.POSITIVE_INFINITY);
});
