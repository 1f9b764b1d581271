import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RelayAsks } from '../../../src/client/sealed/relay-asks.js';
import { key } from '../../server/requests.js';

const MAX_ASKED = 37;

test('37 peers are asked for; one more is refused, and fits once another is dropped', () => {
  const asks = new RelayAsks();
  asks.restart(true);
  const names = Array.from({ length: MAX_ASKED }, (_, i) => `peer ${i}`);
  for (const [i, name] of names.entries()) {
    assert.ok(asks.ask(name, key(i + 1)), name);
  }
  assert.equal(asks.ask('one more', key(100)), false);
  assert.equal(asks.ask(names[0]!, key(1)), true, 'which is asked for already');
  assert.deepEqual(asks.keys, names);
  assert.equal(asks.next(0)?.publicKeys.length, MAX_ASKED);
  asks.drop(names[0]!);
  assert.equal(asks.ask('one more', key(100)), true);
  assert.equal(asks.next(0)?.publicKeys.length, MAX_ASKED);
});
