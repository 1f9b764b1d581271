import assert from 'node:assert/strict';
import { it } from 'node:test';
import { NewsBook } from '../../../src/client/sealed/news.js';
import { Wishes } from '../../../src/client/sealed/wishes.js';
import { generateKeyPair } from '../../../src/sealed/key-pair.js';
import { parseEndpoint } from '../../../src/wire/endpoint.js';
import { FRAME } from '../../../src/wire/sealed-frames.js';

const { publicKey } = generateKeyPair();
const P = new Map([['p', { publicKey }]]);
const NOBODY = new Map<string, { publicKey: typeof publicKey }>();

/** Sends what is due as the message with that counter; its kind. */
function send(wishes: Wishes, counter: number, now = 0): number | undefined {
  const list = wishes.next(now);
  list?.flight.sent(counter, now);
  return list?.kind;
}

it('a late answer to an earlier wish is none to the present one', () => {
  const wishes = new Wishes();
  wishes.want(P);
  assert.equal(send(wishes, 0), FRAME.want);
  wishes.want(NOBODY);
  assert.equal(send(wishes, 1), FRAME.drop);
  wishes.want(P);
  assert.equal(send(wishes, 2), undefined, 'the withdrawal is to be acknowledged first');
  wishes.acknowledged(1, 7);
  assert.equal(send(wishes, 3), FRAME.want);
  wishes.answered('p', 6, false, 0);
  assert.equal(send(wishes, 4, 500), FRAME.want, 'said again');
  wishes.answered('p', 8, false, 0);
  assert.ok(wishes.isSettled);
});

it('a wish that was never said needs no withdrawal', () => {
  const wishes = new Wishes();
  wishes.want(P);
  wishes.want(NOBODY);
  assert.equal(send(wishes, 0), undefined);
  assert.equal(wishes.size, 0);
});

it('a wish that was not kept is said again after a minute, and not sooner', () => {
  const wishes = new Wishes();
  wishes.want(P);
  assert.equal(send(wishes, 0), FRAME.want);
  wishes.answered('p', 1, true, 1000);
  assert.equal(wishes.nextAt, 61_000);
  assert.equal(send(wishes, 1, 60_999), undefined);
  assert.equal(send(wishes, 2, 61_000), FRAME.want);
  wishes.answered('p', 2, false, 61_010);
  assert.ok(wishes.isSettled);
});

it('a wish is said again after 0.5 s, then less often, at most 2 s apart', () => {
  const wishes = new Wishes();
  wishes.want(P);
  const times: number[] = [];
  for (let now = 0; now < 9000; now += 100) {
    if (send(wishes, now, now) !== undefined) {
      times.push(now);
    }
  }
  assert.deepEqual(times, [0, 500, 1500, 3500, 5500, 7500]);
});

it('what was said last counts, not what arrives last: of one session, and of two', () => {
  const news = new NewsBook(() => undefined);
  const entry = (port: number) => ({
    key: publicKey,
    ipv4: parseEndpoint(`192.0.2.1:${port}`),
    notKept: false,
  });
  const port = () => news.get('p')?.ipv4?.port;
  news.take('p', entry(1), { session: 0, counter: 5 });
  assert.equal(news.take('p', entry(2), { session: 0, counter: 4 }), undefined);
  assert.equal(port(), 1);
  news.take('p', entry(3), { session: 1, counter: 0 });
  news.take('p', entry(4), { session: 0, counter: 9 });
  assert.equal(port(), 3);
});
