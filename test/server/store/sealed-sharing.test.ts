import assert from 'node:assert/strict';
import { test } from 'node:test';
import { generateKeyPair } from '../../../src/sealed/key-pair.js';
import { AllowList } from '../../../src/server/sealed/allow-list.js';
import { keyText } from '../../../src/server/sealed/client-record.js';
import type { ScriptCommand } from '../../../src/server/store/commands.js';
import { encodeMessage, encodeNews } from '../../../src/server/store/entries.js';
import { SealedSharing } from '../../../src/server/store/sealed-sharing.js';
import { noStoreCounts } from '../../../src/server/store/store-counts.js';
import { WriteGate } from '../../../src/server/store/write-gate.js';
import { SCOPE } from '../../../src/wire/endpoint-scope.js';
import { SealedRendezvous } from '../sealed/sealed-rendezvous.js';
import { TestClient } from '../sealed/test-client.js';

const TAKEN = [1, ''];
const SUPERSEDED = [0, Buffer.from('server02')];
const LOST = [2];

const nameOf = ({ publicKey }: TestClient) => keyText(Buffer.from(publicKey));

/** A server whose store answers what a test says. */
class Sharing {
  readonly world = new SealedRendezvous();
  readonly sharing: SealedSharing;
  /** The keys that may register; undefined = all. */
  allowed: AllowList | undefined;

  constructor() {
    const [counts, gate] = [noStoreCounts(), new WriteGate(() => {})];
    const allow = () => this.allowed;
    const options = { server: 'server01', ttlMs: 180_000, counts, gate, allow };
    this.sharing = new SealedSharing(this.world.handler.directory, options);
    this.sharing.up(this.world.now);
  }

  join(address: string): TestClient {
    const client = new TestClient(this.world, address);
    assert.ok(client.connect());
    return client;
  }

  /** The client is heard from another source. */
  moves(client: TestClient): void {
    this.sharing.placed(this.world.handler.directory.find(nameOf(client))!);
  }

  /** Has the store answer what waits; returns the numbers of writes and of peers that are looked up. */
  answer(toWrites: unknown): { writes: number; lookups: number } {
    const { now } = this.world;
    const commands = this.sharing.take(64, now).filter((it): it is ScriptCommand => 'script' in it);
    const of = (script: string) => commands.filter((it) => it.script === script);
    for (const command of of('publish')) {
      command.done(toWrites, now);
    }
    for (const command of of('lookup')) {
      command.done(
        command.keys.flatMap(() => [null, null]),
        now,
      );
    }
    const lookups = of('lookup').reduce((sum, { keys }) => sum + keys.length, 0);
    return { writes: of('publish').length, lookups };
  }
}

test('a client that counts with another server has its peers looked up when it counts here again, not before', () => {
  const it = new Sharing();
  const client = it.join('192.0.2.1');
  client.want(...Array.from({ length: 3 }, () => generateKeyPair().publicKey));
  assert.deepEqual(it.answer(SUPERSEDED), { writes: 1, lookups: 3 });
  for (let moves = 0; moves < 2; moves++) {
    it.moves(client);
    assert.deepEqual(it.answer(SUPERSEDED), { writes: 1, lookups: 0 });
  }
  it.moves(client);
  assert.deepEqual(it.answer(TAKEN), { writes: 1, lookups: 0 });
  assert.deepEqual(it.answer(TAKEN), { writes: 0, lookups: 3 });
  assert.deepEqual(it.answer(TAKEN), { writes: 0, lookups: 0 });
});

test('a client that is written anew has a peer looked up that counts with another server', () => {
  const it = new Sharing();
  const [alice, bob] = [it.join('192.0.2.1'), it.join('192.0.2.2')];
  alice.want(bob.publicKey);
  bob.want(alice.publicKey);
  it.answer(TAKEN);
  const news = encodeNews({ kind: 'moved', from: nameOf(bob) });
  it.sharing.receive(encodeMessage('server02', [news]), it.world.now);
  assert.deepEqual(it.answer(TAKEN), { writes: 0, lookups: 1 });
  it.moves(alice);
  assert.deepEqual(it.answer(LOST), { writes: 1, lookups: 0 });
  assert.deepEqual(it.answer(TAKEN), { writes: 1, lookups: 1 });
});

test('a peer at another server that is taken off the list of this one is forgotten', () => {
  const it = new Sharing();
  const alice = it.join('192.0.2.1');
  const bob = generateKeyPair().publicKey;
  alice.want(bob);
  const bytes = Uint8Array.of(198, 51, 100, 7);
  const place = { family: 4, bytes, port: 51820, scope: SCOPE.global } as const;
  const registration = {
    timestamp: new Uint8Array(12).fill(1),
    server: 'server02',
    hasList: true,
    places: { 4: place, 6: undefined },
  };
  const [from, to] = [keyText(Buffer.from(bob)), nameOf(alice)];
  const news = encodeNews({
    kind: 'here',
    from,
    to,
    asks: false,
    registration,
    candidates: undefined,
  });
  it.sharing.receive(encodeMessage('server02', [news]), it.world.now);
  let { now } = it.world;
  const remotesAfter = (ms: number) => {
    for (const end = now + ms; now < end; now += 50) {
      it.sharing.tick(now);
    }
    return it.sharing.sizes.remotePeers;
  };
  assert.equal(remotesAfter(12_000), 1);
  it.allowed = new AllowList([alice.publicKey]);
  assert.equal(remotesAfter(12_000), 0);
});
