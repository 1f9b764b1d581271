import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { LabProcess, until } from '../../src/lab/index.js';
import { CHECKOUT } from './packages.js';

const MAKEFILE = join(CHECKOUT, 'Makefile');

/** Counts the locks on the Makefile in /proc/locks; those that are waited for have an arrow. */
function locks(): { held: number; awaited: number } {
  const { ino } = statSync(MAKEFILE);
  const lines = readFileSync('/proc/locks', 'latin1').split('\n');
  const ours = lines.filter((line) => line.includes('FLOCK') && line.includes(`:${ino} `));
  const awaited = ours.filter((line) => line.includes('->')).length;
  return { held: ours.length - awaited, awaited };
}

describe('make', () => {
  it('waits for another make in the same checkout', async () => {
    await using other = new LabProcess('flock', [MAKEFILE, 'cat']);
    await until('the other one to hold the lock', () => locks().held === 1);
    await using make = new LabProcess('make', ['--silent', '-C', CHECKOUT, 'program']);
    await until('make to wait for it', () => locks().awaited === 1);
    await other.stop();
    assert.deepEqual(await make.exited, { code: 0, signal: null }, make.stderr);
  });
});
