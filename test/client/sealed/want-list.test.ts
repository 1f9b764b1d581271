import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { WantList } from '../../../src/client/sealed/want-list.js';
import { generateKeyPair } from '../../../src/sealed/key-pair.js';

const { publicKey } = generateKeyPair();

function peers(...keys: string[]) {
  return new Map(keys.map((name) => [name, { publicKey }]));
}

/** Names p0, p1, ... */
function many(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `p${i}`);
}

/** A list in a session that allows so many peers. */
function listOf(keys: readonly string[], maxWanted = 4096): WantList {
  const list = new WantList();
  list.want(peers(...keys));
  list.restart(maxWanted, undefined, 0);
  return list;
}

/** Sends the next part as the message with that counter: version, part, parts and keys. */
function send(list: WantList, counter: number, now = 0) {
  const part = list.next(now);
  part?.flight.sent(counter, now);
  return (
    part && { of: [part.version, part.part, part.parts] as const, keys: [...part.flight.keys] }
  );
}

function answer(list: WantList, counter: number, keys: readonly string[], refused = '', now = 0) {
  list.answered(
    counter,
    keys.map((key) => ({ key, notKept: key === refused })),
    now,
  );
}

describe('the want list', () => {
  it('the want list is sent in parts of 37 peers, 33 in the first, and an empty list as one part', () => {
    const list = listOf(many(75));
    const sent = [0, 1, 2].map((counter) => send(list, counter)!);
    assert.deepEqual(
      sent.map(({ of: [, part, parts], keys }) => [part, parts, keys.length]),
      [
        [0, 3, 33],
        [1, 3, 37],
        [2, 3, 5],
      ],
    );
    assert.equal(send(list, 3), undefined);
    const empty = listOf([]);
    assert.deepEqual(send(empty, 0)?.of.slice(1), [0, 1]);
    answer(empty, 0, []);
    assert.ok(empty.isSettled);
  });

  it('the want list goes on with its second part where the server took in the first with a handshake', () => {
    const list = new WantList();
    list.want(peers(...many(40)));
    const { version, part, parts, publicKeys } = list.firstPart;
    assert.deepEqual([part, parts, publicKeys.length], [0, 2, 33]);
    list.restart(4096, version, 0);
    assert.deepEqual(send(list, 0), { of: [version, 1, 2], keys: many(40).slice(33) });
    assert.equal(send(list, 1, 99), undefined);
    answer(list, 0, many(40).slice(33));
    answer(list, 2 ** 32, many(33).slice(1));
    assert.deepEqual(send(list, 2, 100), { of: [version, 0, 2], keys: ['p0'] }, 'unanswered');
    answer(list, 2, ['p0']);
    assert.ok(list.isSettled);
  });

  it('the want list starts again if the server took in another one, or one that is too long', () => {
    const list = new WantList();
    list.want(peers('a'));
    const { version } = list.firstPart;
    list.want(peers('b'));
    list.restart(4096, version, 0);
    assert.deepEqual(send(list, 0)?.keys, ['b']);
    list.restart(4096, list.firstPart.version, 0);
    assert.equal(send(list, 1), undefined);
    list.want(peers('b', 'c'));
    list.restart(1, list.firstPart.version, 0);
    assert.deepEqual(send(list, 2)?.keys, ['c']);
    assert.deepEqual(list.notKept, ['b']);
  });

  it('the want list has a version from the beginning, even if it is empty', () => {
    assert.ok(new WantList().firstPart.version > 0);
  });

  it('the want list has a higher version after each change, and the same if nothing changes', () => {
    const list = listOf(['a']);
    const first = send(list, 0)!.of[0];
    answer(list, 0, ['a']);
    list.want(peers('a'));
    assert.equal(send(list, 1), undefined);
    list.want(peers('b', 'c'));
    assert.ok(send(list, 1)!.of[0] > first);
    list.restart(4096, undefined, 0);
    assert.ok(send(list, 0)!.of[0] > first + 1, 'and in a new session');
  });

  it('the want list ignores an answer to an earlier version', () => {
    const list = listOf(['a']);
    send(list, 0);
    list.want(peers());
    send(list, 1);
    list.want(peers('a'));
    send(list, 2);
    answer(list, 0, ['a']);
    answer(list, 1, []);
    assert.deepEqual(send(list, 3, 500)?.keys, ['a'], 'sent again');
    answer(list, 3, ['a']);
    assert.ok(list.isSettled);
  });

  it('the want list begins with its new peers', () => {
    const list = listOf(many(40));
    list.want(peers(...many(40), 'x'));
    assert.equal(send(list, 0)?.keys[0], 'x');
  });

  it('the want list repeats a part after 0.5 s, then less often, at most 2 s apart', () => {
    const list = listOf(['a']);
    const times: number[] = [];
    for (let now = 0; now < 9000; now += 100) {
      if (send(list, now, now) !== undefined) {
        times.push(now);
      }
    }
    assert.deepEqual(times, [0, 500, 1500, 3500, 5500, 7500]);
  });

  it('the want list repeats only the unanswered peers of a part', () => {
    const list = listOf(['a', 'b', 'c']);
    send(list, 0);
    answer(list, 0, ['a', 'c']);
    assert.deepEqual(send(list, 1, 500)?.keys, ['b']);
    answer(list, 0, ['b']);
    assert.ok(list.isSettled, 'the answer to the first sending came late');
  });

  it('the want list has 32 parts in flight at most', () => {
    const list = listOf(many(40 * 37));
    let sent = 0;
    while (send(list, sent) !== undefined) {
      sent++;
    }
    assert.equal(sent, 32);
    answer(list, 5, many(40 * 37).slice(33 + 4 * 37, 33 + 5 * 37));
    assert.equal(send(list, 32)?.of[1], 32);
  });

  it('the want list repeats a refused peer after a minute, and not sooner', () => {
    const list = listOf(['a', 'b']);
    send(list, 0);
    answer(list, 0, ['a', 'b'], 'b', 1000);
    assert.deepEqual(list.notKept, ['b']);
    assert.equal(list.nextAt, 61_000);
    assert.equal(send(list, 1, 60_999), undefined);
    assert.deepEqual(send(list, 2, 61_000)?.keys, ['b']);
    answer(list, 2, ['b'], '', 61_010);
    assert.ok(list.isSettled);
    assert.deepEqual(list.notKept, []);
  });

  it('the want list repeats a refused peer of an early part once the last part may have made room', () => {
    const list = listOf(many(38));
    send(list, 0);
    send(list, 1);
    answer(list, 0, many(33), 'p3');
    answer(list, 1, many(38).slice(33));
    assert.deepEqual(send(list, 2)?.keys, ['p3']);
    answer(list, 2, ['p3'], 'p3');
    assert.equal(list.nextAt, 60_000, 'once');
  });

  it('the want list leaves out peers beyond the number that the server allows', () => {
    const list = listOf(['a', 'b', 'c'], 2);
    assert.deepEqual(send(list, 0)?.keys, ['a', 'b']);
    assert.deepEqual(list.notKept, ['c']);
    list.want(peers('b', 'c'));
    assert.deepEqual(send(list, 1)?.keys, ['b', 'c']);
    assert.deepEqual(list.notKept, []);
  });
});
