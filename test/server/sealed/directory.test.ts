import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Client } from '../../../src/server/sealed/client.js';
import { Directory } from '../../../src/server/sealed/directory.js';
import { NO_OFFER } from '../../../src/server/sealed/offer-store.js';
import { NO_WISH, WISH } from '../../../src/server/sealed/wishes.js';
import { SEALED_CANDIDATES_LENGTH } from '../../../src/wire/sealed-frames.js';
import { key } from '../requests.js';

const KEYS = 6;
const MAX_WANTED = 3;
const TTL = 100;

/** The plain model: everything in maps, looked up anew each time. */
class Model {
  readonly clients = new Map<number, { heard: Map<4 | 6, [place: number, at: number]> }>();
  readonly wants = new Map<number, Set<number>>();
  readonly offers = new Map<string, number>();
  /** Who is to be told of whom. */
  readonly news = new Set<string>();

  mutual(a: number, b: number): boolean {
    return this.wants.get(a)?.has(b) === true && this.wants.get(b)?.has(a) === true;
  }

  /** What a may know about b. */
  about(a: number, b: number): string {
    const heard = this.clients.get(b)?.heard;
    if (!this.mutual(a, b) || heard === undefined || heard.size === 0) {
      return 'nothing';
    }
    return `${heard.get(4)?.[0]} ${heard.get(6)?.[0]} ${this.offers.get(`${b}>${a}`)}`;
  }

  tellPeersOf(b: number): void {
    for (const a of this.wants.keys()) {
      if (this.mutual(a, b)) {
        this.news.add(`${a}<${b}`);
      }
    }
  }

  drop(a: number, b: number): void {
    if (this.mutual(a, b)) {
      this.news.add(`${b}<${a}`);
    }
    this.wants.get(a)?.delete(b);
    this.news.delete(`${a}<${b}`);
    this.offers.delete(`${a}>${b}`);
    this.offers.delete(`${b}>${a}`);
  }
}

/** The directory and the model side by side. */
class Pair {
  readonly model = new Model();
  readonly directory = new Directory({
    maxClients: 100,
    maxWanted: MAX_WANTED,
    maxWishes: 1000,
    maxOffers: 1000,
    sourceShare: 0.5,
    hashKey: { low: 1, high: 2 },
  });
  now = 0;
  private counter = 0;

  client(a: number): Client | undefined {
    return this.directory.find(words(a), 0);
  }

  hear(a: number, family: 4 | 6, place: number): void {
    const client = this.client(a) ?? this.directory.add(words(a), 0, 7)!;
    const entry = this.model.clients.get(a) ?? { heard: new Map() };
    this.model.clients.set(a, entry);
    this.model.wants.set(a, this.model.wants.get(a) ?? new Set());
    const before = entry.heard.get(family)?.[0];
    entry.heard.set(family, [place, this.now]);
    this.directory.hear(client, family, addressesOf(place), 0, 0, this.now);
    if (client.tellAt < Number.POSITIVE_INFINITY) {
      this.directory.tellMoves(client, client.tellAt);
    }
    if (before !== place) {
      this.model.tellPeersOf(a);
    }
  }

  want(a: number, b: number): void {
    const client = this.client(a);
    const wants = this.model.wants.get(a);
    if (client === undefined || wants === undefined) {
      return;
    }
    const fits = a !== b && (wants.has(b) || wants.size < MAX_WANTED);
    const isNew = fits && !wants.has(b);
    assert.equal(this.directory.want(client, words(b), 0) !== NO_WISH, fits);
    if (fits) {
      wants.add(b);
    }
    if (isNew && this.model.mutual(a, b)) {
      this.model.news.add(`${b}<${a}`);
    }
  }

  /** A new want list without b. */
  drop(a: number, b: number): void {
    const client = this.client(a);
    if (client !== undefined) {
      this.list(
        a,
        [...(this.model.wants.get(a) ?? [])].filter((other) => other !== b),
      );
      this.model.drop(a, b);
    }
  }

  private list(a: number, wanted: readonly number[]): void {
    const client = this.client(a)!;
    this.directory.beginList(client);
    for (const [i, b] of wanted.entries()) {
      // Some are only marked, as those of the last part are.
      if (i % 2 === 0) {
        this.directory.keepWish(client, words(b), 0);
      } else {
        this.directory.want(client, words(b), 0);
      }
    }
    this.directory.endList(client);
  }

  offer(a: number, b: number, value: number): void {
    const client = this.client(a);
    if (client === undefined) {
      return;
    }
    const bytes = new Uint8Array(SEALED_CANDIDATES_LENGTH).fill(value);
    assert.ok(this.directory.offer(client, words(b), 0, bytes, 0, ++this.counter));
    if (this.model.mutual(a, b) && this.model.offers.get(`${a}>${b}`) !== value) {
      this.model.offers.set(`${a}>${b}`, value);
      this.model.news.add(`${b}<${a}`);
    }
  }

  forget(a: number): void {
    const client = this.client(a);
    if (client !== undefined) {
      this.directory.forget(client);
      this.model.clients.delete(a);
      for (const b of [...(this.model.wants.get(a) ?? [])]) {
        this.model.drop(a, b);
      }
      this.model.wants.delete(a);
    }
  }

  expire(): void {
    this.now += TTL / 2;
    for (const [a, { heard }] of [...this.model.clients]) {
      this.directory.dropPaths(this.client(a)!, this.now - TTL);
      const old = [...heard].filter(([, [, at]]) => at <= this.now - TTL);
      for (const [family] of old) {
        heard.delete(family);
      }
      if (old.length > 0) {
        this.model.tellPeersOf(a);
      }
    }
  }

  check(): void {
    const { directory, model } = this;
    assert.equal(directory.size, model.clients.size);
    let wishes = 0;
    const news = new Set<string>();
    for (const [a, wanted] of model.wants) {
      const client = this.client(a)!;
      assert.equal(client.wishes.size, wanted.size);
      wishes += wanted.size;
      for (const b of wanted) {
        const wish = client.wishes.get(directory.names.find(words(b), 0))!;
        assert.equal(this.about(wish), model.about(a, b));
        if (client.pushes.news.has(wish)) {
          news.add(`${a}<${b}`);
        }
      }
    }
    assert.equal(directory.wishes.size, wishes);
    assert.equal(directory.offers.size, model.offers.size);
    assert.deepEqual(news, model.news);
    const names = new Set([...model.wants].flatMap(([a, wanted]) => [a, ...wanted]));
    assert.equal(directory.names.size, names.size, 'no key is held that nobody names');
  }

  private about(wish: number): string {
    const about = this.directory.about(wish);
    if (about === undefined) {
      return 'nothing';
    }
    const { paths } = about.peer;
    const offer = about.offer === NO_OFFER ? undefined : this.directory.offers.read(about.offer)[0];
    return `${paths[4]?.port} ${paths[6]?.port} ${offer}`;
  }
}

function words(number: number): Uint32Array {
  return new Uint32Array(key(number).slice().buffer);
}

/** A place differs from the others in its port. */
function addressesOf(place: number): Uint32Array {
  const addresses = new Uint32Array(10);
  addresses[4] = place;
  return addresses;
}

const who = fc.nat(KEYS - 1);
const step = fc.oneof(
  fc.record({ do: fc.constant('hear'), a: who, b: fc.nat(1), c: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ do: fc.constant('want'), a: who, b: who, c: fc.constant(0) }),
  fc.record({ do: fc.constant('want'), a: who, b: who, c: fc.constant(0) }),
  fc.record({ do: fc.constant('drop'), a: who, b: who, c: fc.constant(0) }),
  fc.record({ do: fc.constant('offer'), a: who, b: who, c: fc.integer({ min: 1, max: 2 }) }),
  fc.record({ do: fc.constant('forget'), a: who, b: who, c: fc.constant(0) }),
  fc.record({ do: fc.constant('expire'), a: who, b: who, c: fc.constant(0) }),
);

test('the directory does what a plain model of it does, whatever happens in whatever order', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
      const pair = new Pair();
      for (const it of steps) {
        if (it.do === 'hear') {
          pair.hear(it.a, it.b === 0 ? 4 : 6, it.c);
        } else if (it.do === 'offer') {
          pair.offer(it.a, it.b, it.c);
        } else if (it.do === 'expire') {
          pair.expire();
        } else {
          pair[it.do as 'want' | 'drop' | 'forget'](it.a, it.b);
        }
        pair.check();
      }
    }),
    { numRuns: 500 },
  );
});

test('a row that a push still names is not taken for the wish it was', () => {
  const pair = new Pair();
  pair.hear(1, 4, 1);
  pair.want(1, 2);
  const client = pair.client(1)!;
  const { wishes } = pair.directory;
  const wish = client.wishes.get(pair.directory.names.find(words(2), 0))!;
  wishes.set(wish, WISH.push, 77);
  pair.drop(1, 2);
  assert.equal(wishes.get(wish, WISH.push), 0);
});

test('memory is bounded: what is released is used again', () => {
  const pair = new Pair();
  for (let round = 0; round < 1000; round++) {
    pair.hear(round, 4, 1);
    pair.want(round, round + 1);
    pair.want(round, round - 1);
    pair.offer(round, round - 1, 1);
    pair.forget(round - 5);
  }
  const { directory } = pair;
  assert.ok(directory.wishes.memory <= 16 * 64, `${directory.wishes.memory}`);
  assert.ok(directory.names.memory <= 32 * 64 + 1024 * 8, `${directory.names.memory}`);
  assert.ok(directory.offers.memory <= 64 * SEALED_CANDIDATES_LENGTH);
});
