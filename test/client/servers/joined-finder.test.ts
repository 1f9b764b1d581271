import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Answer, Finder, FinderContext, SoughtPeer } from '../../../src/client/finder.js';
import { Problems } from '../../../src/client/problems.js';
import { joinedFinder } from '../../../src/client/servers/joined-finder.js';
import { type Endpoint, endpoint } from '../../../src/wire/endpoint.js';
import { formatPublicKey } from '../../../src/wire/key.js';
import { NAT_LENGTH } from '../../../src/wire/sealed-candidates.js';
import type { Device } from '../../../src/wireguard/device.js';
import { key } from '../../server/requests.js';

const PEER = formatPublicKey(key(1));
const DEVICE: Device = { publicKey: key(9), listenPort: 51820, fwmark: 0, peers: [] };
const at = (n: number) => endpoint(`198.51.100.${n}`, 51820);
const relayAt = (n: number) => endpoint(`192.0.2.${n}`, 49920);

/** A finder that does what the test says. */
class FakeFinder implements Finder {
  worked: (Device | undefined)[] = [];
  hasAnswered = false;
  roundTripMs: number | undefined;
  serverHops: number | undefined;
  relays: boolean | undefined;
  isClosed = false;
  refreshes = 0;
  readonly isSimultaneous = true;

  constructor(
    readonly context: FinderContext,
    public serverEndpoints: readonly Endpoint[],
  ) {}

  get peer(): SoughtPeer {
    const peer = this.context.peers.get(PEER);
    assert.ok(peer);
    return peer;
  }

  work(device: Device | undefined): void {
    this.worked.push(device);
  }
  nextWorkAt(): number {
    return this.serverEndpoints[0]?.port ?? Number.POSITIVE_INFINITY;
  }
  relaysTo(): boolean | undefined {
    return this.relays;
  }
  secretWith(): Uint8Array | undefined {
    return undefined;
  }
  refreshNow(): void {
    this.refreshes++;
  }
  async close(): Promise<void> {
    this.isClosed = true;
  }
}

function setUp() {
  const state = { isAlive: false, needsRelay: false };
  const told: { answer?: Answer; relay?: Endpoint | undefined } = {};
  const peer: SoughtPeer = {
    publicKey: key(1),
    answer: undefined,
    askAt: 0,
    isAlive: () => state.isAlive,
    asked: () => assert.fail('each server has its own times'),
    answered: (answer) => {
      told.answer = answer;
    },
    offered: () => {},
    needsRelay: () => state.needsRelay,
    relayed: (relay) => {
      told.relay = relay;
    },
  };
  const peers = new Map([[PEER, peer]]);
  const said: string[] = [];
  const problems = new Problems((topic, text, server) => said.push(`${topic} ${server} ${text}`));
  const made: FakeFinder[] = [];
  const server = (n: number) => ({
    name: `rv${n}:49918`,
    rank: `${9 - n}`,
    finder: (context: FinderContext) => {
      const finder = new FakeFinder(context, [endpoint(`192.0.2.${n}`, 49918 + n)]);
      made.push(finder);
      return finder;
    },
  });
  const finder = joinedFinder([server(1), server(2), server(3)])({
    peers,
    problems,
    run: 1,
    nat: () => new Uint8Array(NAT_LENGTH),
    mapped: () => undefined,
    moved: () => {},
    wake: () => {},
  });
  const [one, two, three] = made as [FakeFinder, FakeFinder, FakeFinder];
  finder.work(DEVICE, 0);
  return { state, told, peers, peer, said, finder, one, two, three };
}

test('all servers work, each with its own times, and any answer counts', async () => {
  const { finder, one, two, three } = setUp();
  assert.deepEqual(
    [one, two, three].map(({ worked }) => worked),
    [[DEVICE], [DEVICE], [DEVICE]],
  );
  assert.equal(finder.nextWorkAt(0), 49_919);
  one.peer.asked(0);
  assert.ok(one.peer.askAt > 0);
  assert.equal(two.peer.askAt, 0);
  assert.ok(!finder.hasAnswered);
  two.hasAnswered = true;
  assert.ok(finder.hasAnswered);
  finder.refreshNow();
  await finder.close();
  assert.ok([one, two, three].every((it) => it.isClosed && it.refreshes === 1));
});

test('requests begin anew once the peer was alive', () => {
  const { finder, one, state } = setUp();
  for (let i = 0; i < 200; i++) {
    one.peer.asked(1000);
  }
  assert.ok(one.peer.askAt > 20_000);
  state.isAlive = true;
  finder.work(DEVICE, 2000);
  state.isAlive = false;
  finder.work(DEVICE, 3000);
  assert.equal(one.peer.askAt, 3000);
});

test('the peer is told the newest of all answers, and each finder its own', () => {
  const { told, one, two, three, finder } = setUp();
  one.peer.answered('unknown');
  assert.equal(told.answer, 'unknown');
  two.peer.answered([at(1)]);
  three.peer.answered('unknown');
  one.peer.answered('unknown');
  assert.deepEqual(told.answer, [at(1)]);
  assert.equal(one.peer.answer, 'unknown');
  assert.deepEqual(two.peer.answer, [at(1)]);
  [one.roundTripMs, two.roundTripMs] = [10, 80];
  assert.equal(finder.roundTripMsFor?.(PEER), 80, 'of the server that knows it');
  assert.equal(finder.roundTripMs, 10);
});

test('the way to the internet is that to the farthest server', () => {
  const { one, three, finder } = setUp();
  assert.equal(finder.serverHops, undefined);
  [one.serverHops, three.serverHops] = [2, 9];
  assert.equal(finder.serverHops, 9);
});

test('a connected peer has moved where the newest observation says so, whatever an older one says', () => {
  const { told, one, two, state, finder } = setUp();
  one.peer.answered([at(1)]);
  two.peer.answered([at(1)]);
  state.isAlive = true;
  finder.work(DEVICE, 1000);
  two.peer.answered([at(2)]);
  assert.deepEqual(told.answer, [at(2)]);
  state.isAlive = false;
  finder.work(DEVICE, 2000);
  two.peer.answered([at(2)]);
  assert.deepEqual(told.answer, [at(2), at(1)], 'to connect, all places are tried');
});

test('a peer that was removed and added again is asked about anew, and one that is gone is forgotten', () => {
  const { told, one, two, peers, peer, finder } = setUp();
  one.peer.answered([at(1)]);
  const again: Answer[] = [];
  peers.set(PEER, { ...peer, answered: (answer) => again.push(answer) });
  finder.work(DEVICE, 1000);
  two.peer.answered('unknown');
  assert.deepEqual(again, ['unknown']);
  assert.deepEqual(told.answer, [at(1)]);
  peers.delete(PEER);
  finder.work(DEVICE, 2000);
  assert.equal(one.context.peers.size, 0);
});

test('a relay is asked of shared servers, and the first in the order of both sides is used', () => {
  const { told, one, two, three, state } = setUp();
  state.needsRelay = true;
  const asked = () => [one, two, three].map(({ peer }) => peer.needsRelay(0));
  assert.deepEqual(asked(), [false, false, false]);
  one.peer.answered([at(1)]);
  two.peer.answered([at(1)]);
  three.peer.answered('unknown');
  [one.relays, two.relays, three.relays] = [true, true, true];
  assert.deepEqual(asked(), [true, true, false]);
  one.peer.relayed(relayAt(1));
  assert.deepEqual(told.relay, relayAt(1));
  two.peer.relayed(relayAt(2));
  assert.deepEqual(told.relay, relayAt(2), 'its rank is before');
  two.peer.relayed(undefined);
  assert.deepEqual(told.relay, relayAt(1));
  [one.relays, two.relays] = [false, undefined];
  assert.deepEqual(asked(), [true, false, false], 'to say why there is none');
  state.needsRelay = false;
  assert.deepEqual(asked(), [false, false, false]);
});

test('two names of one server are used as one, which is said', () => {
  const { finder, one, two, three, said } = setUp();
  two.serverEndpoints = [endpoint('2001:db8::1', 49918), ...one.serverEndpoints];
  finder.work(DEVICE, 1000);
  finder.work(DEVICE, 2000);
  assert.deepEqual(two.worked, [DEVICE, undefined, undefined]);
  assert.deepEqual([one.worked.at(-1), three.worked.at(-1)], [DEVICE, DEVICE]);
  assert.equal(said.length, 1);
  assert.match(said[0] ?? '', /^server rv2:49918 rv2:49918 is the same server as rv1:49918 /);
});
