import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Problems } from '../../src/client/problems.js';
import { Wake } from '../../src/client/wake.js';

test('a problem is said once, again when it is another, and when it is over', () => {
  const said: (string | undefined)[] = [];
  const problems = new Problems((_, text) => said.push(text));
  problems.clear('name');
  problems.raise('name', 'one');
  problems.raise('name', 'one');
  problems.raise('server', 'two');
  problems.raise('name', 'three');
  assert.deepEqual(problems.texts, ['three', 'two']);
  problems.clear('name');
  problems.clear('name');
  assert.deepEqual(said, ['one', 'two', 'three', undefined]);
});

test('a wait ends when it is woken, and a wake before it is not lost', async () => {
  const wake = new Wake();
  wake.notify();
  await wake.wait(1_000_000);
  const waiting = wake.wait(1_000_000);
  wake.notify();
  await waiting;
  await wake.wait(1);
});
