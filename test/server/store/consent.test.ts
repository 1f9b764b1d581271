import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClientRecord, Want } from '../../../src/server/sealed/client-record.js';
import { ProvenPath } from '../../../src/server/sealed/proven-path.js';
import { isSameSide, otherSide } from '../../../src/server/store/consent.js';
import type { Place } from '../../../src/server/store/entries.js';
import { isOver, type RemotePeer, RemoteServer } from '../../../src/server/store/remote-peer.js';
import { SCOPE } from '../../../src/wire/endpoint-scope.js';

const SOURCE = { family: 4, hashes: [1, 2] } as const;

/** A client that is registered at a port, by an initiation at that time. */
function client(key: string, port: number, time: number): ClientRecord {
  const it = new ClientRecord(key.repeat(32), SOURCE);
  it.timestamp.fill(time);
  it.paths[4] = new ProvenPath(
    4,
    Uint32Array.of(0x0100_00c0, 0, 0, 0, port, 0, 0, 0, 0, 0),
    0,
    0,
    0,
  );
  return it;
}

function remote(port: number, time: number, name = 'serverXY'): RemotePeer {
  const bytes = Uint8Array.of(192, 0, 0, 2);
  const place: Place = { family: 4, bytes, port, scope: SCOPE.global };
  return {
    server: new RemoteServer(name, 0),
    registration: {
      timestamp: new Uint8Array(12).fill(time),
      server: name,
      hasList: true,
      places: { 4: place, 6: undefined },
    },
    candidates: undefined,
    isConfirmed: true,
    endsAt: 0,
    wasAsked: false,
  };
}

/** Alice's want for bob, and bob's for alice where he has one. */
function pair(bob: ClientRecord, isMutual: boolean): Want {
  const alice = client('a', 1, 1);
  const want = new Want(alice, bob.key, 0);
  if (isMutual) {
    want.reverse = new Want(bob, alice.key, 0);
    want.reverse.reverse = want;
    bob.wants.set(alice.key, want.reverse);
  }
  return want;
}

const portOf = (want: Want, bob: ClientRecord | undefined) => otherSide(want, bob)?.paths[4]?.port;

test('nothing is disclosed without a want in the other direction, here or elsewhere', () => {
  const bob = client('b', 2, 5);
  assert.equal(portOf(pair(bob, false), bob), undefined);
  assert.equal(portOf(pair(bob, false), undefined), undefined);
});

test('a peer of this server and one of another are disclosed when they want the owner', () => {
  const bob = client('b', 2, 5);
  assert.equal(portOf(pair(bob, true), bob), 2);
  const want = pair(bob, false);
  want.remotes = [remote(3, 4)];
  assert.equal(portOf(want, undefined), 3);
});

test('the newest registration counts; of equal ones that of this server', () => {
  const bob = client('b', 2, 5);
  const want = pair(bob, true);
  for (const [time, port] of [
    [4, 2],
    [5, 2],
    [6, 3],
  ] as const) {
    want.remotes = [remote(9, 1, 'serverAA'), remote(3, time)];
    assert.equal(portOf(want, bob), port, `remote at ${time}`);
  }
});

test('a newer complete list here that lacks the owner takes the consent of an older one elsewhere back', () => {
  const bob = client('b', 2, 5);
  const want = pair(bob, false);
  want.remotes = [remote(3, 4)];
  assert.equal(portOf(want, bob), 3, 'its list is not complete: nothing is known');
  bob.listSession = bob.sessionNumber;
  assert.equal(portOf(want, bob), undefined);
  want.remotes = [remote(3, 6)];
  assert.equal(portOf(want, bob), 3, 'a newer registration elsewhere');
});

test('a registration here that is known to be superseded does not count, whatever it says', () => {
  const bob = client('b', 2, 5);
  bob.isElsewhere = true;
  const want = pair(bob, true);
  assert.equal(portOf(want, bob), undefined);
  want.remotes = [remote(3, 4)];
  assert.equal(portOf(want, bob), 3);
});

test('one that is not registered any more is not disclosed', () => {
  const bob = client('b', 2, 5);
  const want = pair(bob, true);
  bob.paths[4] = undefined;
  assert.equal(portOf(want, bob), undefined);
});

test('two sides are the same by endpoint and candidates, not by server or time', () => {
  const [here, elsewhere] = [remote(3, 4), remote(3, 9, 'serverAA')].map((it) => ({
    paths: it.registration.places,
    candidates: undefined,
  }));
  assert.ok(isSameSide(here, elsewhere));
  assert.ok(isSameSide(undefined, undefined));
  assert.ok(!isSameSide(here, undefined));
  assert.ok(!isSameSide(here, { paths: remote(4, 4).registration.places, candidates: undefined }));
  assert.ok(!isSameSide(here, { paths: here!.paths, candidates: new Uint8Array(248) }));
});

test('what a server said itself lasts as long as the server is heard; what was read, its time to live', () => {
  const said = remote(3, 4);
  said.server.heardAt = 10_000;
  assert.ok(!isOver(said, 189_999, 180_000));
  assert.ok(isOver(said, 190_000, 180_000));
  const read = { ...said, isConfirmed: false, endsAt: 20_000 };
  assert.ok(!isOver(read, 19_999, 180_000));
  assert.ok(isOver(read, 20_000, 180_000));
});
