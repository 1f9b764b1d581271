import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClientRecord } from '../../../src/server/sealed/client-record.js';
import { ProvenPath } from '../../../src/server/sealed/proven-path.js';
import { Sessions } from '../../../src/server/sealed/sessions.js';

const SOURCE = { family: 4, hashes: [0, 0] } as const;
const ORIGIN = new ProvenPath(4, new Uint32Array(10), 0, 0, 0);

function keys() {
  return { send: new Uint8Array(32).fill(1), receive: new Uint8Array(32).fill(2) };
}

function isWiped({ send, receive }: ReturnType<typeof keys>): boolean {
  return [...send, ...receive].every((byte) => byte === 0);
}

test('the keys of a session are overwritten whenever it ends', () => {
  let number = 0;
  const sessions = new Sessions(() => number++);
  const client = new ClientRecord('a', SOURCE);
  const all = Array.from({ length: 5 }, keys);
  const open = (i: number, now: number) => sessions.open(client, i, all[i]!, ORIGIN, now);
  open(0, 0);
  const first = open(1, 0);
  assert.ok(isWiped(all[0]!), 'replaced before it was confirmed');
  sessions.confirm(first, 1);
  sessions.confirm(open(2, 2), 3);
  sessions.confirm(open(3, 4), 5);
  assert.ok(isWiped(all[1]!), 'pushed out by its second successor');
  open(4, 6);
  assert.deepEqual(all.map(isWiped), [true, true, false, false, false]);
  sessions.end(client, 5 + 10_000);
  assert.ok(isWiped(all[2]!), 'its successor has taken over for long enough');
  sessions.end(client, 6 + 10_000);
  assert.ok(isWiped(all[4]!), 'not confirmed in time');
  assert.equal(sessions.size, 1);
  sessions.end(client);
  assert.ok(isWiped(all[3]!));
  assert.equal(sessions.size, 0);
});

test('numbers are not given twice', () => {
  const numbers = [7, 7, 7, 8];
  const sessions = new Sessions(() => numbers.shift()!);
  const [a, b] = [new ClientRecord('a', SOURCE), new ClientRecord('b', SOURCE)];
  const [first, second] = [a, b].map((it) => sessions.open(it, 0, keys(), ORIGIN, 0).localIndex);
  assert.deepEqual([first, second], [7, 8]);
});
