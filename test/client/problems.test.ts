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

test('problems of several servers are said one by one, each with the name of its server', () => {
  const said: (readonly [string, string | undefined, string | undefined])[] = [];
  const problems = new Problems((...one) => said.push([one[0], one[1], one[2]]));
  const [first, second] = [problems.of('rv1'), problems.of('rv2')];
  first.raise('server', 'no answer from rv1');
  second.raise('server', 'no answer from rv2');
  second.raise('clock', 'the clock is wrong');
  first.raise('server', 'no answer from rv1');
  first.clear('clock');
  assert.deepEqual(said.splice(0), [
    ['server', 'no answer from rv1', 'rv1'],
    ['server', 'no answer from rv2', 'rv2'],
    ['clock', 'rv2: the clock is wrong', 'rv2'],
  ]);
  assert.equal(problems.of('rv1'), first);
  first.clear('server');
  assert.deepEqual(said, [['server', undefined, 'rv1']]);
  assert.deepEqual(problems.texts, ['no answer from rv2', 'rv2: the clock is wrong']);
});
