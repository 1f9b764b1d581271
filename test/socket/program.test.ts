import assert from 'node:assert/strict';
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  writeSync,
} from 'node:fs';
import { describe, it } from 'node:test';
import { openPipe } from '../../src/socket/process.js';
import {
  type ProgramOptions,
  startByAddon,
  startByNode,
  startProgram,
} from '../../src/socket/program.js';
import { evaluate, runNode } from '../native/child.js';

const SHELL = '/bin/sh';
const LIMIT = 1 << 20;
const MAX_REGION_BYTES = 1n << 30n;
/** It ends when it is killed, or long after the test has failed. */
const SLEEP = 'sleep 600';

// Before all others: what a process does for the first time may leave more behind.
it('no copy of what was printed stays in memory once its buffer is overwritten', async () => {
  // Neither half is a secret; only the program puts them together.
  const halves = ['yAnz5TF+lXXJte14tji3zl', 'MNq+hd2rYUIgJBgB3fBmk='];
  const script = 'for i in 1 2 3 4 5 6 7 8 9 10; do printf "%s%s\\n%2000s" "$0" "$1" x; done';
  const { end } = startByAddon(SHELL, ['-c', script, ...halves], options());
  const { stdout } = await end;
  assert.equal(stdout.length, 20_450);
  assert.ok(copiesInMemory(halves) >= 10, 'the test can find them');
  stdout.fill(0);
  assert.equal(copiesInMemory(halves), 0);
});

it('programs are started by the addon where it can be used, with no signal ignored or blocked', async () => {
  const { end } = startProgram(
    SHELL,
    ['-c', 'grep -E "^Sig(Ign|Blk)" /proc/self/status'],
    options(),
  );
  const masks = (await end).stdout.toString().match(/[0-9a-f]{16}/g) ?? [];
  assert.equal(masks.length, 2);
  for (const mask of masks) {
    // Not the real-time signals: glibc keeps two for itself.
    assert.equal(BigInt(`0x${mask}`) & 0x7fff_ffffn, 0n);
  }
});

for (const [name, start] of [
  ['the addon', startByAddon],
  ['Node', startByNode],
] as const) {
  describe(`programs, started by ${name}`, () => {
    const run = (script: string, changes: Partial<ProgramOptions> = {}) =>
      start(SHELL, ['-c', script], { ...options(), ...changes });

    it('get their arguments as they are, a fixed environment, the folder / and an empty stdin', async () => {
      const script = 'printf "%s|" "$0" "$@"; echo; tr "\\0" "\\n" < /proc/$$/environ; pwd; cat';
      const environment = { ONE: 'a b', TWO: '' };
      const program = start(SHELL, ['-c', script, 'x', 'a b', '', "'$(pwd)'"], {
        ...options(),
        environment,
      });
      const { code, signal, stdout } = await program.end;
      assert.deepEqual([code, signal], [0, null]);
      assert.equal(stdout.toString(), "x|a b||'$(pwd)'|\nONE=a b\nTWO=\n/\n");
    });

    it('read their input, also one that is longer than a pipe', async () => {
      const input = 'line\n'.repeat(40_000);
      const { stdout } = await run('cat', { input }).end;
      assert.equal(stdout.toString(), input);
      assert.equal((await run('exit 3', { input }).end).code, 3, 'it need not read it');
    });

    it('end with a code or by a signal, and what they print is kept apart', async () => {
      const failed = await run('echo out; echo err >&2; exit 7').end;
      assert.deepEqual(
        [failed.code, failed.signal, `${failed.stdout}`, `${failed.stderr}`],
        [7, null, 'out\n', 'err\n'],
      );
      const killed = await run('kill -TERM $$').end;
      assert.deepEqual([killed.code, killed.signal, killed.stdout.length], [null, 'SIGTERM', 0]);
    });

    it('one that cannot be started rejects with the error of the system', async () => {
      const path = '/no/such/program';
      await assert.rejects(start(path, [], options()).end, {
        code: 'ENOENT',
        errno: -2,
        syscall: /^spawn/,
      });
      await assert.rejects(start('/etc/passwd', [], options()).end, { code: 'EACCES' });
    });

    it('descriptors become 3, 4, …, whatever numbers they have', async () => {
      const pipes = [openPipe(), openPipe(), openPipe()];
      pipes.forEach(({ writeEnd }, i) => {
        writeSync(writeEnd, `${i}`);
      });
      const descriptors = pipes.map(({ readEnd }) => readEnd).reverse();
      const others = 'for i in $(seq 6 200); do [ -e /proc/$$/fd/$i ] && echo "and $i"; done; true';
      const { end } = run(`cat /proc/self/fd/3 /proc/self/fd/4 /proc/self/fd/5; ${others}`, {
        descriptors,
      });
      for (const { readEnd, writeEnd } of pipes) {
        closeSync(readEnd);
        closeSync(writeEnd);
      }
      assert.equal((await end).stdout.toString(), '210');
    });

    it('all of a long output is kept, of the messages the first 64 KiB', async () => {
      const { stdout, stderr } = await run('seq 1 100000; seq 1 100000 >&2').end;
      const all = `${Array.from({ length: 100_000 }, (_, i) => i + 1).join('\n')}\n`;
      assert.equal(stdout.toString(), all);
      assert.ok(stderr.length > 0 && stderr.length <= 65_536);
      assert.ok(all.startsWith(stderr.toString()));
    });

    it('one that prints more than its limit is killed, and never ends well', async () => {
      const { code, signal, stdout } = await run('yes', { maxBytes: 100_000 }).end;
      assert.deepEqual([code, signal], [null, 'SIGKILL']);
      assert.ok(stdout.length <= 300_000, `${stdout.length} bytes`);
      const short = await run('echo 12345678', { maxBytes: 7 }).end;
      assert.deepEqual([short.code, short.signal], [null, 'SIGKILL']);
    });

    it('one that is killed ends, also where a child of it holds its output', async () => {
      const pipe = openPipe();
      const program = run(`${SLEEP} & echo $! >&3; wait`, { descriptors: [pipe.writeEnd] });
      const child = Buffer.alloc(16);
      const length = readSync(pipe.readEnd, child);
      program.kill();
      const { signal } = await program.end;
      assert.equal(signal, 'SIGKILL');
      program.kill();
      process.kill(Number(child.subarray(0, length).toString()), 'SIGKILL');
      closeSync(pipe.readEnd);
      closeSync(pipe.writeEnd);
    });

    it('one that closes its output is waited for, and can be killed', async () => {
      const patient = await run('exec >&- 2>&-; sleep 0.1; exit 5').end;
      assert.equal(patient.code, 5);
      const pipe = openPipe();
      const program = run(`exec >&- 2>&-; echo >&3; exec ${SLEEP}`, {
        descriptors: [pipe.writeEnd],
      });
      readSync(pipe.readEnd, Buffer.alloc(1));
      program.kill();
      assert.equal((await program.end).signal, 'SIGKILL');
      closeSync(pipe.readEnd);
      closeSync(pipe.writeEnd);
    });

    it('nothing stays open', async () => {
      const open = () => readdirSync('/proc/self/fd').length;
      await run('true').end;
      const before = open();
      const programs = Array.from({ length: 40 }, (_, i) =>
        i % 4 === 0 ? start('/no/such/program', [], options()) : run(`exit ${i}`),
      );
      const ends = await Promise.allSettled(programs.map(({ end }) => end));
      assert.deepEqual(
        ends.map((end) => (end.status === 'fulfilled' ? end.value.code : end.reason.code)),
        programs.map((_, i) => (i % 4 === 0 ? 'ENOENT' : i)),
      );
      assert.equal(open(), before);
      assert.deepEqual(children(), []);
    });
  });
}

it('programs start in the order of the calls', async () => {
  for (let i = 0; i < 20; i++) {
    const pipe = openPipe();
    const first = startByAddon(SHELL, ['-c', 'read x <&3; echo $x'], {
      ...options(),
      descriptors: [pipe.readEnd],
    });
    assert.equal(children().length, 1, 'it runs when the call returns');
    writeSync(pipe.writeEnd, 'x\n');
    closeSync(pipe.readEnd);
    closeSync(pipe.writeEnd);
    assert.equal((await first.end).stdout.toString(), 'x\n');
  }
});

it('one that takes longer than its limit is killed, and said to be late', async () => {
  const late = await startProgram(SHELL, ['-c', `exec ${SLEEP}`], { ...options(), timeoutMs: 50 })
    .end;
  assert.deepEqual([late.code, late.signal, late.isLate], [null, 'SIGKILL', true]);
  const killed = startProgram(SHELL, ['-c', `exec ${SLEEP}`], options());
  killed.kill();
  assert.deepEqual([(await killed.end).signal, (await killed.end).isLate], ['SIGKILL', false]);
});

it('arguments that the system would cut are refused', async () => {
  const { end } = startByAddon('/bin/true', ['a\0b'], options());
  await assert.rejects(end, { name: 'TypeError', message: /NUL/ });
});

it('a process or a worker ends while a program runs, and the program runs on', async () => {
  const pid = (text: string) => Number(/^pid (\d+)$/m.exec(text)?.[1]);
  const module = new URL('../../src/socket/program.js', import.meta.url).href;
  const start = `
    const { startProgram } = await import(${JSON.stringify(module)});
    const script = 'echo pid $$ >&3; exec 3>&-; sleep 1; exec >&- 2>&-; exec ${SLEEP}';
    const { end } = startProgram('/bin/sh', ['-c', script],
      { environment: {}, descriptors: [1], maxBytes: 1000, timeoutMs: 60_000 });`;
  const exit = await runNode(evaluate(`${start} setTimeout(() => process.exit(7), 300);`));
  const worker = await runNode(
    evaluate(`
      import { Worker } from 'node:worker_threads';
      const worker = new Worker(new URL('data:text/javascript,' + encodeURIComponent(
        ${JSON.stringify(`${start} const { parentPort } = await import('node:worker_threads'); parentPort.postMessage('');`)})));
      worker.once('message', () => setTimeout(async () => {
        await worker.terminate();
        // The thread would notice meanwhile that the program has closed its output.
        setTimeout(() => process.exit(7), 1500);
      }, 300));
    `),
  );
  for (const { code, signal, stdout, stderr } of [exit, worker]) {
    assert.deepEqual([code, signal], [7, null], stderr);
    process.kill(pid(stdout), 'SIGKILL');
  }
});

/** The programs that this process has started and not waited for. */
function children(): string[] {
  return readdirSync('/proc/self/task').flatMap((thread) => {
    const file = `/proc/self/task/${thread}/children`;
    return existsSync(file) ? readFileSync(file, 'utf8').split(' ').filter(Boolean) : [];
  });
}

function options(): ProgramOptions {
  return { environment: { PATH: '/usr/bin:/bin' }, maxBytes: LIMIT, timeoutMs: 60_000 };
}

/** How often two texts stand in the memory of this process, one directly behind the other. */
function copiesInMemory(halves: readonly string[]): number {
  const [first, second] = halves.map((half) => Buffer.from(half)) as [Buffer, Buffer];
  const memory = openSync('/proc/self/mem', 'r');
  let copies = 0;
  try {
    for (const line of readFileSync('/proc/self/maps', 'utf8').split('\n')) {
      const [, from, to] = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line) ?? ['', '0', '0'];
      const [begin, end] = [BigInt(`0x${from}`), BigInt(`0x${to}`)];
      // What is larger is no memory in use: AddressSanitizer reserves terabytes.
      if (end - begin <= MAX_REGION_BYTES) {
        copies += copiesIn(memory, begin, end, first, second);
      }
    }
  } finally {
    closeSync(memory);
  }
  return copies;
}

function copiesIn(memory: number, from: bigint, to: bigint, first: Buffer, second: Buffer): number {
  const part = Buffer.alloc(1 << 20);
  const overlap = first.length + second.length - 1;
  let copies = 0;
  for (let at = from; at < to; at += BigInt(part.length - overlap)) {
    let length = 0;
    try {
      length = readSync(memory, part, 0, Number(minimum(BigInt(part.length), to - at)), at);
    } catch {
      continue; // a page that cannot be read
    }
    const read = part.subarray(0, length);
    for (let found = read.indexOf(first); found >= 0; found = read.indexOf(first, found + 1)) {
      const behind = found + first.length;
      copies += read.subarray(behind, behind + second.length).equals(second) ? 1 : 0;
    }
  }
  part.fill(0);
  return copies;
}

function minimum(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
