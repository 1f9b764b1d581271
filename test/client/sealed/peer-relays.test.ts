import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SoughtPeer } from '../../../src/client/finder.js';
import { Problems } from '../../../src/client/problems.js';
import { PeerRelays, type RelayingClient } from '../../../src/client/sealed/peer-relays.js';
import type { RelayView } from '../../../src/client/sealed/sealed-client.js';
import { type Endpoint, parseEndpoint } from '../../../src/wire/endpoint.js';
import { formatPublicKey } from '../../../src/wire/key.js';
import { RELAY_REFUSAL } from '../../../src/wire/sealed-frames.js';
import { key } from '../../server/requests.js';

const RELAY = parseEndpoint('192.0.2.1:49920');
const PEER = formatPublicKey(key(1));

function setUp() {
  const state = {
    needs: false,
    answer: undefined as 'no-relay' | 'too-many' | undefined,
    view: { isAsked: false, state: 'none', endpoint: undefined, refusal: undefined } as RelayView,
    told: undefined as Endpoint | undefined,
    isEstablished: true,
  };
  const client: RelayingClient = {
    get isEstablished() {
      return state.isEstablished;
    },
    askRelay: () => {
      state.view = { ...state.view, isAsked: state.answer === undefined };
      return state.answer;
    },
    dropRelay: () => {
      state.view = { isAsked: false, state: 'none', endpoint: undefined, refusal: undefined };
    },
    relay: () => state.view,
  };
  const peer = {
    publicKey: key(1),
    needsRelay: () => state.needs,
    relayed: (endpoint: Endpoint | undefined) => {
      state.told = endpoint;
    },
  } as unknown as SoughtPeer;
  const said: (string | undefined)[] = [];
  const problems = new Problems((_, text) => said.push(text));
  const relays = new PeerRelays();
  const follow = (now: number) =>
    relays.follow(client, new Map([[PEER, peer]]), 'rv.example.org', problems, now);
  return { state, said, follow };
}

test('a relay is requested for a peer that needs it, and its endpoint passed on to the peer', () => {
  const { state, follow } = setUp();
  follow(0);
  assert.ok(!state.view.isAsked);
  state.needs = true;
  follow(1000);
  assert.ok(state.view.isAsked);
  assert.equal(state.told, undefined);
  state.view = { ...state.view, state: 'connected', endpoint: RELAY };
  follow(1100);
  assert.equal(state.told, RELAY);
});

test('a relay that is not needed any more is kept for 30 s: datagrams may still come by it', () => {
  const { state, follow } = setUp();
  state.needs = true;
  follow(0);
  state.needs = false;
  follow(1000);
  follow(30_000);
  assert.ok(state.view.isAsked);
  state.needs = true;
  follow(30_500);
  state.needs = false;
  follow(31_000);
  follow(60_000);
  assert.ok(state.view.isAsked, 'needed again meanwhile');
  follow(61_000);
  assert.ok(!state.view.isAsked);
});

test('a refusal is said once, by reason, and once that it is over', () => {
  const { state, said, follow } = setUp();
  state.needs = true;
  state.answer = 'no-relay';
  follow(0);
  follow(10);
  assert.equal(said.length, 1);
  assert.match(said[0]!, /^peer \S{8} has no direct path, and rv\.example\.org does not relay/);
  state.answer = undefined;
  state.view = { ...state.view, refusal: RELAY_REFUSAL.notAllowed };
  follow(20);
  assert.match(said[1]!, /--relay-allow/);
  state.view = { ...state.view, refusal: RELAY_REFUSAL.full };
  follow(30);
  assert.match(said[2]!, /--relay-ports/);
  state.needs = false;
  follow(40);
  assert.equal(said[3], undefined);
});

test('more peers than fit a request are no problem where they ask for the relay themselves', () => {
  const { state, said, follow } = setUp();
  state.needs = true;
  state.answer = 'too-many';
  state.view = { ...state.view, state: 'connected', endpoint: RELAY };
  follow(0);
  assert.deepEqual(said, []);
  assert.equal(state.told, RELAY);
  state.view = { ...state.view, state: 'none', endpoint: undefined };
  follow(10);
  assert.match(said[0]!, /relays to no more peers of one host/);
});

test('nothing is asked or said without a session', () => {
  const { state, said, follow } = setUp();
  state.needs = true;
  state.isEstablished = false;
  state.answer = 'no-relay';
  follow(0);
  assert.deepEqual(said, []);
});
