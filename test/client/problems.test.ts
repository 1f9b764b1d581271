import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Problems } from '../../src/client/problems.js';
import { Wake } from '../../src/client/wake.js';
import { WgError } from '../../src/wireguard/wg-error.js';

test('a problem is reported once, again when it changes, and when it is over', () => {
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

test('a fact is reported once, and the memory of facts is bounded', () => {
  const noted: string[] = [];
  const problems = new Problems(
    () => {},
    (fact) => noted.push(fact),
  );
  problems.note('one');
  problems.note('one');
  assert.deepEqual([noted, problems.texts], [['one'], []]);
  for (let i = 0; i < 64; i++) {
    problems.note(`fact ${i}`);
  }
  problems.note('one');
  assert.equal(noted.filter((fact) => fact === 'one').length, 2);
});

test('an error that can pass is raised, one that no retry can mend is thrown', () => {
  const problems = new Problems(() => {});
  const fatal = new WgError('WG_NOT_PERMITTED', 'may not read wg0');
  assert.throws(() => problems.raiseError('interface', fatal), fatal);
  assert.throws(() => problems.raiseError('socket', Object.assign(new Error(), { code: 'EPERM' })));
  problems.raiseError('interface', new WgError('WG_TIMEOUT', 'wg did not answer'));
  problems.raiseError('socket', Object.assign(new Error('no route'), { code: 'ENETUNREACH' }));
  assert.deepEqual(problems.texts, ['wg did not answer', 'socket: no route']);
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
