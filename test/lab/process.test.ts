import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { outcome, run } from '../../src/lab/command.js';
import { until } from '../../src/lab/deadline.js';
import { LabProcess } from '../../src/lab/process.js';

const node = (script: string): LabProcess => new LabProcess(process.execPath, ['-e', script]);

describe('a background process', () => {
  it('can be awaited by its output, and stopped', async () => {
    await using child = node("console.log('listening on 7'); setInterval(() => {}, 1e6)");
    const match = await child.waitForOutput(/listening on (\d+)/);
    assert.equal(match[1], '7');
    assert.equal(child.running, true);
    assert.deepEqual(await child.stop(), { code: null, signal: 'SIGTERM' });
    assert.equal(child.running, false);
  });

  it('that ends without the expected output rejects at once, with its output', async () => {
    const child = node("console.error('tried'); console.error('out of luck'); process.exit(4)");
    const waiting = child.waitForOutput(/never/, { timeoutMs: 60_000 });
    // Tables show only the first line of a failure.
    await assert.rejects(waiting, /^Error: out of luck: [^\n]* ended \(4\)[\s\S]*tried/);
  });

  it('without the expected output rejects after the time limit', async () => {
    await using child = node('setInterval(() => {}, 1e6)');
    await assert.rejects(child.waitForOutput(/never/, { timeoutMs: 50 }), /not within 50 ms/);
  });

  it('that ignores SIGTERM is killed', async () => {
    const child = node(
      "process.on('SIGTERM', () => {}); console.log('up'); setInterval(() => {}, 1e6)",
    );
    await child.waitForOutput(/up/);
    assert.deepEqual(await child.stop(), { code: null, signal: 'SIGKILL' });
  });

  it('has only the newest million characters of its output kept', async () => {
    const child = node("process.stdout.write('x'.repeat(3e6) + 'end')");
    await child.exited;
    assert.equal(child.stdout.length, 1_000_000);
    assert.match(child.stdout, /end$/);
  });

  it('has each part of its output taken once, also behind more than is kept', async () => {
    await using child = node(
      "let n = 0; process.stdin.on('data', () => process.stdout.write('x'.repeat(6e5 * n++) + 'end\\n'))",
    );
    for (const length of [4, 600_004, 1_000_000]) {
      child.write('\n');
      assert.equal((await child.takeOutput(/end\n/)).length, length);
      assert.equal(child.stdout, '');
    }
  });

  it('that does not exist ends with an error message', async () => {
    const child = new LabProcess('/no/such/program', []);
    assert.deepEqual(await child.exited, { code: null, signal: null });
    assert.match(child.stderr, /ENOENT/);
  });
});

describe('a command', () => {
  it('gets its stdin, and its stdout is the result', async () => {
    assert.equal(await run('cat', [], { input: 'through' }), 'through');
  });

  it('that fails rejects with its stderr; outcome returns the exit code', async () => {
    await assert.rejects(run('cat', ['/no/such/file']), {
      name: 'CommandError',
      code: 1,
      message: /cat \/no\/such\/file: exit code 1: .*No such file/,
    });
    assert.equal((await outcome('cat', ['/no/such/file'])).code, 1);
  });

  it('that does not exist rejects', async () => {
    await assert.rejects(run('/no/such/program', []), { code: 'ENOENT' });
  });

  it('that takes too long is killed', async () => {
    await assert.rejects(run('sleep', ['100'], { timeoutMs: 50 }), /sleep 100: killed after 50 ms/);
  });

  it('need not read its stdin', async () => {
    assert.equal(await run('true', [], { input: 'x'.repeat(1_000_000) }), '');
  });
});

describe('until', () => {
  it('resolves with the first value of the probe', async () => {
    let calls = 0;
    const value = await until('a third call', () => (++calls === 3 ? 0 : undefined), {
      intervalMs: 1,
    });
    assert.deepEqual([value, calls], [0, 3]);
  });

  it('rejects after the time limit, and names the condition', async () => {
    const waiting = until('the impossible', () => false, { timeoutMs: 5, intervalMs: 1 });
    await assert.rejects(waiting, /not within 5 ms: the impossible/);
  });

  it("rejects with the probe's error", async () => {
    await assert.rejects(
      until('x', () => Promise.reject(new TypeError('broken'))),
      TypeError,
    );
  });
});
