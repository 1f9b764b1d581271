import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import fc from 'fast-check';
import { ConnectionPool } from '../../src/limits/connection-pool.js';

class Connection extends EventEmitter {
  isOpen = true;

  constructor(readonly source: number) {
    super();
  }

  destroy(): void {
    this.isOpen = false;
    this.emit('close');
  }
}

function pool(capacity: number, perSource: number) {
  const connections = new ConnectionPool({ capacity, perSource });
  const open = (source: number) => {
    const connection = new Connection(source);
    connections.admit(connection, source);
    return connection;
  };
  return { connections, open };
}

const isOpen = (all: readonly Connection[]) => all.map((it) => it.isOpen);

test('a full connection pool closes the longest idle connection of the heaviest source', () => {
  const { connections, open } = pool(4, 4);
  const [victim, ...heavy] = [open(1), open(2), open(2), open(2)];
  connections.touch(heavy[0] as Connection);
  const newcomer = open(3);
  assert.deepEqual(isOpen([victim as Connection, ...heavy, newcomer]), [
    true,
    true,
    false,
    true,
    true,
  ]);
  assert.deepEqual([connections.size, connections.accepted, connections.displaced], [4, 5, 1]);
});

test('a full connection pool of single connections closes the longest idle one', () => {
  const { connections, open } = pool(3, 2);
  const all = [open(1), open(2), open(3)];
  connections.touch(all[0] as Connection);
  assert.deepEqual(isOpen([...all, open(4)]), [true, false, true, true]);
});

test('a source over its share closes a connection of its own', () => {
  const { connections, open } = pool(10, 2);
  const all = [open(1), open(2), open(2), open(2)];
  assert.deepEqual(isOpen(all), [true, false, true, true]);
  assert.equal(connections.size, 3);
});

test('a closed connection makes room, and a connection pool closes all that are left', () => {
  const { connections, open } = pool(2, 2);
  const all = [open(1), open(2)];
  all[0]?.destroy();
  all.push(open(3));
  assert.deepEqual(isOpen(all), [false, true, true]);
  assert.equal(connections.displaced, 0);
  connections.closeAll();
  assert.deepEqual([isOpen(all), connections.size], [[false, false, false], 0]);
});

test('no source keeps another one out of a connection pool', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(3), { maxLength: 60 }), (sources) => {
      const { connections, open } = pool(8, 4);
      const victim = open(99);
      const others = sources.map((source) => {
        connections.touch(victim);
        return open(source);
      });
      assert.equal(victim.isOpen, true);
      assert.ok(connections.size <= 8);
      assert.equal(others.at(-1)?.isOpen ?? true, true, 'the newcomer stays');
    }),
  );
});
