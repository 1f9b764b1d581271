import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type ClientRecord, keyText, type Want } from '../../../src/server/sealed/client-record.js';
import { Directory } from '../../../src/server/sealed/directory.js';

import { SEALED_CANDIDATES_LENGTH } from '../../../src/wire/sealed-frames.js';
import { key } from '../requests.js';

const SOURCE = { family: 4, hashes: [7, 7] } as const;
const KEYS = 6;
const MAX_WANTED = 3;
const TTL = 100;

/** The plain model: everything in maps, looked up anew each time. */
class Model {
  readonly clients = new Map<number, { heard: Map<4 | 6, [place: number, at: number]> }>();
  readonly wants = new Map<number, Set<number>>();
  readonly offers = new Map<string, number>();
  /** Which pushes are due: about whom, and to whom. */
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
    maxWants: 1000,
    maxCandidates: 1000,
    sourceShare: 0.5,
  });
  now = 0;
  private counter = 0;

  client(a: number): ClientRecord | undefined {
    return this.directory.find(text(a));
  }

  hear(a: number, family: 4 | 6, place: number): void {
    const client = this.client(a) ?? this.directory.add(text(a), SOURCE)!;
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
    assert.equal(this.directory.want(client, text(b)) !== undefined, fits);
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
        this.directory.keepWant(client, text(b));
      } else {
        this.directory.want(client, text(b));
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
    assert.ok(this.directory.putCandidates(client, text(b), bytes, ++this.counter));
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
      this.directory.dropPaths(this.client(a)!, this.now, TTL);
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
    assert.equal(directory.sizes.clients, model.clients.size);
    let wants = 0;
    const news = new Set<string>();
    for (const [a, wanted] of model.wants) {
      const client = this.client(a)!;
      assert.equal(client.wants.size, wanted.size);
      wants += wanted.size;
      for (const b of wanted) {
        const want = client.wants.get(text(b))!;
        assert.equal(this.about(want), model.about(a, b));
        if (client.pushes.updates.has(want)) {
          news.add(`${a}<${b}`);
        }
      }
    }
    assert.equal(directory.sizes.wants, wants);
    assert.equal(directory.sizes.candidates, model.offers.size);
    assert.deepEqual(news, model.news);
  }

  private about({ reverse }: Want): string {
    if (reverse === undefined || !reverse.owner.isRegistered) {
      return 'nothing';
    }
    const { paths } = reverse.owner;
    return `${paths[4]?.port} ${paths[6]?.port} ${reverse.candidates?.bytes[0]}`;
  }
}

function text(number: number): string {
  return keyText(Buffer.from(key(number)));
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

test('the directory agrees with a plain model of it in any order of events (property)', () => {
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

test('a want that is withdrawn belongs to no push any more', () => {
  const pair = new Pair();
  pair.hear(1, 4, 1);
  pair.want(1, 2);
  const client = pair.client(1)!;
  const want = client.wants.get(text(2))!;
  want.push = client.pushes.sent(7, [want], 0, 0);
  pair.drop(1, 2);
  assert.equal(want.push, undefined);
});
