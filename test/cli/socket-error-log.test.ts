import assert from 'node:assert/strict';
import { test } from 'node:test';
import { socketErrorLog } from '../../src/cli/socket-error-log.js';

test('an error is logged at once, and a thousand in ten seconds as one line with their number', () => {
  const lines: string[] = [];
  let now = 0;
  const log = socketErrorLog(
    (line) => lines.push(line),
    () => now,
  );
  log(new Error('recvmmsg ENOMEM'));
  assert.deepEqual(lines, [
    'a socket failed to receive or send: recvmmsg ENOMEM; it goes on, and counts them',
  ]);
  for (let i = 0; i < 1000; i++) {
    now = 9 * i;
    log(new Error('recvmmsg ENOMEM'));
  }
  assert.equal(lines.length, 1);
  now = 10_000;
  log(new Error('recvmmsg ENOBUFS'));
  assert.match(lines[1] ?? '', /recvmmsg ENOBUFS, and 1000 times since this was last said;/);
  now = 20_000;
  log(new Error('once more'));
  assert.match(lines[2] ?? '', /: once more; it goes on/);
});
