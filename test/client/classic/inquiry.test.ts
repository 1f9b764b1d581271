import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Inquiry } from '../../../src/client/classic/inquiry.js';
import { MAX_UNANSWERED, REPLY_LIFETIME_MS } from '../../../src/client/timing.js';

/** Sends, and lets the request time out. Returns the time after it. */
function unanswered(inquiry: Inquiry, peer: string, now: number): number {
  inquiry.sent(peer, now);
  const end = inquiry.deadline as number;
  assert.ok(inquiry.timedOut(end));
  return end;
}

test('with nothing missing the first reply is credited', () => {
  const inquiry = new Inquiry();
  inquiry.sent('p', 0);
  assert.equal(inquiry.replied('1', false, 10), 'p');
  inquiry.sent('q', 20);
  assert.equal(inquiry.replied('2', false, 30), 'q');
});

test('a late reply still counts when the request about its peer is repeated', () => {
  const inquiry = new Inquiry();
  const now = unanswered(inquiry, 'p', 0);
  inquiry.sent('p', now);
  assert.equal(inquiry.replied('1', false, now + 1), 'p');
});

test('a late reply is not credited to the next peer', () => {
  const inquiry = new Inquiry();
  const now = unanswered(inquiry, 'p', 0);
  inquiry.sent('q', now);
  assert.equal(inquiry.replied('of p', false, now + 1), undefined);
  assert.ok(inquiry.undecided);
  inquiry.sent('q', now + 2);
  assert.equal(inquiry.replied('of q', false, now + 3), undefined);
  inquiry.sent('q', now + 4);
  assert.equal(inquiry.replied('of q', false, now + 5), 'q');
  assert.ok(!inquiry.undecided);
});

test('with a lost reply the next peer needs two that agree', () => {
  const inquiry = new Inquiry();
  const now = unanswered(inquiry, 'p', 0);
  inquiry.sent('q', now);
  assert.equal(inquiry.replied('of q', false, now + 1), undefined);
  inquiry.sent('q', now + 2);
  assert.equal(inquiry.replied('of q', false, now + 3), 'q');
});

test('a reply that never came is forgotten after its lifetime', () => {
  const inquiry = new Inquiry();
  unanswered(inquiry, 'p', 0);
  inquiry.sent('q', REPLY_LIFETIME_MS);
  assert.equal(inquiry.replied('of q', false, REPLY_LIFETIME_MS + 1), 'q');
});

test('a duplicate of the answer about another peer needs a second', () => {
  const inquiry = new Inquiry();
  inquiry.sent('q', 0);
  assert.equal(inquiry.replied('of p', true, 1), undefined);
  inquiry.sent('q', 2);
  assert.equal(inquiry.replied('of q', false, 3), 'q');
});

test('an unsolicited reply is ignored', () => {
  const inquiry = new Inquiry();
  assert.equal(inquiry.replied('x', false, 0), undefined);
  inquiry.sent('p', 1);
  assert.equal(inquiry.replied('1', false, 2), 'p');
  assert.equal(inquiry.replied('2', false, 3), undefined);
  assert.ok(!inquiry.undecided);
});

test('the time limit doubles up to its bound and follows the round trip', () => {
  const inquiry = new Inquiry();
  const limits: number[] = [];
  let now = 0;
  for (let i = 0; i < 4; i++) {
    inquiry.sent('p', now);
    limits.push((inquiry.deadline as number) - now);
    now = inquiry.deadline as number;
    inquiry.timedOut(now);
  }
  assert.deepEqual(limits, [500, 1000, 2000, 2000]);
  assert.equal(inquiry.silent, 4);
  const later = now + REPLY_LIFETIME_MS;
  inquiry.sent('p', later);
  inquiry.replied('1', false, later + 400);
  inquiry.sent('p', later + 500);
  assert.equal(inquiry.deadline, later + 500 + 800);
  assert.equal(inquiry.silent, 0);
});

test('the memory of requests is bounded, and when it is full no other peer has its turn', () => {
  const inquiry = new Inquiry();
  for (let i = 0; i < 3 * MAX_UNANSWERED; i++) {
    const peer = inquiry.canAsk(`p${i}`, i) ? `p${i}` : (inquiry.peer as string);
    inquiry.sent(peer, i);
  }
  assert.equal(inquiry.peer, `p${MAX_UNANSWERED - 1}`);
  assert.ok(inquiry.canAsk('other', 3 * MAX_UNANSWERED + REPLY_LIFETIME_MS));
});

test('after a reset old replies are gone', () => {
  const inquiry = new Inquiry();
  inquiry.sent('p', 0);
  inquiry.reset();
  assert.equal(inquiry.replied('of p', false, 1), undefined);
  inquiry.sent('q', 2);
  assert.equal(inquiry.replied('of q', false, 3), 'q');
});

// The property that matters: whatever is lost, late or overtaken, within the lifetime of a reply and
// without duplication by the network, no peer is ever credited with another's answer.
test('no order of losses and delays credits a reply to another peer', () => {
  const step = fc.record({
    kind: fc.constantFrom('ask' as const, 'deliver' as const, 'lose' as const),
    peer: fc.constantFrom('p', 'q', 'r'),
    index: fc.nat(20),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120, size: 'max' }), (steps) => {
      const inquiry = new Inquiry();
      const onTheWay: string[] = [];
      steps.forEach(({ kind, peer, index }, now) => {
        if (kind === 'ask') {
          const asked = inquiry.canAsk(peer, now) ? peer : (inquiry.peer as string);
          inquiry.sent(asked, now);
          onTheWay.push(asked);
        } else if (onTheWay.length > 0) {
          const [answer] = onTheWay.splice(index % onTheWay.length, 1);
          const credited =
            kind === 'lose' ? undefined : inquiry.replied(answer as string, false, now);
          assert.ok(
            credited === undefined || credited === answer,
            `${answer} credited to ${credited}`,
          );
        }
      });
    }),
    { numRuns: 2000 },
  );
});
