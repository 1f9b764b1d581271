import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WriteGate } from '../../../src/server/store/write-gate.js';

const REFUSAL = new Error('OOM');

function gate() {
  const said: (string | undefined)[] = [];
  return { gate: new WriteGate((it) => said.push(it)), said };
}

test('a refusal closes it, said once; one write is tried after 1, 2, 4, 8, 10, 10 s', () => {
  const { gate: it, said } = gate();
  it.note([1], 0);
  assert.ok(it.isOpen);
  it.note(REFUSAL, 0);
  it.note(REFUSAL, 1); // one that was under way
  assert.ok(!it.isOpen);
  let now = 0;
  for (const wait of [1000, 2000, 4000, 8000, 10_000, 10_000]) {
    assert.ok(!it.mayTry(now + wait - 1));
    now += wait;
    assert.ok(it.mayTry(now));
    assert.ok(!it.mayTry(now), 'one at a time');
    it.note(REFUSAL, now);
  }
  assert.deepEqual(said, ['OOM']);
});

test('a trial that is taken opens it; a write of before the refusal does not', () => {
  const { gate: it, said } = gate();
  it.note(REFUSAL, 0);
  it.note([1], 10);
  assert.ok(!it.isOpen);
  assert.ok(it.mayTry(1000));
  it.note([1], 1001);
  assert.ok(it.isOpen);
  assert.deepEqual(said, ['OOM', undefined]);
});

test('a new connection opens it, silently', () => {
  const { gate: it, said } = gate();
  it.note(REFUSAL, 0);
  it.reset();
  assert.ok(it.isOpen);
  assert.deepEqual(said, ['OOM']);
});
