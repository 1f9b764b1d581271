import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Source } from '../../../src/limits/source.js';
import { Allocations } from '../../../src/server/relay/allocations.js';
import { distinctSource } from './relay-world.js';

const FIRST_PORT = 50_000;
const PAIRS_PER_PORT = 512;

function makeAllocations(ports: number) {
  let number = 0;
  const allocations = new Allocations<never>({
    firstPort: FIRST_PORT,
    ports,
    sourceShare: 0.5,
    randomNumber: () => Math.imul(++number, 0x9e3779b1) >>> 0,
  });
  const open = (a: string, b: string, source: Source = distinctSource(++number)) =>
    allocations.open([a, b], source, 0, 0);
  return { allocations, open };
}

test('a port takes 512 pairs; a client that has the other ports already is refused', () => {
  const { allocations, open } = makeAllocations(2);
  const first = open('client', 'peer')!;
  const pairs = [first];
  // Each family can fill all but an eighth of the table.
  for (let i = 1; i < 2 * PAIRS_PER_PORT; i++) {
    pairs.push(open(`a${i}`, `b${i}`, distinctSource(i, i % 2 === 0 ? 4 : 6))!);
  }
  assert.ok(!pairs.includes(undefined!));
  const isAtFull = (port: number) =>
    pairs.filter((it) => it.port === port).length === PAIRS_PER_PORT;
  assert.ok(isAtFull(FIRST_PORT) && isAtFull(FIRST_PORT + 1));
  // Room at the port of the client, and at no other.
  for (const pair of pairs.filter((it) => it.port === first.port && it !== first).slice(0, 10)) {
    allocations.close(pair);
  }
  assert.equal(open('client', 'another peer'), undefined);
  assert.equal(allocations.size, 2 * PAIRS_PER_PORT - 10);
  assert.equal(open('client', 'peer'), first, 'it keeps what it has');
  assert.equal(open('stranger', 'another peer')?.port, first.port);
});

test('a closed pair leaves nothing behind', () => {
  const { allocations, open } = makeAllocations(2);
  const pair = open('a', 'b')!;
  const [{ id, key }] = pair.sides;
  assert.equal(allocations.find(id), pair.sides[0]);
  allocations.close(pair);
  allocations.close(pair);
  assert.equal(allocations.size, 0);
  assert.equal(allocations.clients, 0);
  assert.equal(allocations.find(id), undefined);
  assert.deepEqual(key, new Uint8Array(key.length));
  assert.equal(open('a', 'b')?.port, pair.port, 'the port is free again');
});
