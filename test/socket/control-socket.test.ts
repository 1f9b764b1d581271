import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { readText, serveText } from '../../src/socket/control-socket.js';

const folder = mkdtempSync(join(tmpdir(), 'control-socket-'));
after(() => rmSync(folder, { recursive: true }));

const READING = { timeoutMs: 5000, maxBytes: 10_000_000 };
let sockets = 0;
const newPath = () => join(folder, `${++sockets}.sock`);

async function connected(path: string): Promise<Socket> {
  const socket = connect(path);
  socket.on('error', () => {});
  await new Promise((resolve) => socket.once('connect', resolve).once('close', resolve));
  return socket;
}

describe('a control socket', () => {
  it('gives each reader one text, and only its owner can read it', async () => {
    const path = newPath();
    const served = await serveText(path, () => 'ä text');
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.deepEqual(await Promise.all([1, 2, 3].map(() => readText(path, READING))), [
      'ä text',
      'ä text',
      'ä text',
    ]);
    served.close();
    served.close();
    await assert.rejects(readText(path, READING), { code: 'ENOENT' });
  });

  it('makes one text for all readers of a moment', async () => {
    const path = newPath();
    let made = 0;
    const served = await serveText(path, () => `${++made}`);
    for (let i = 0; i < 20; i++) {
      await readText(path, READING);
    }
    assert.ok(made < 20, `${made}`);
    served.close();
  });

  it('serves others while some readers send without end, read nothing, or leave at once', async () => {
    const path = newPath();
    const served = await serveText(path, () => 'x'.repeat(4_000_000));
    const hostile = await Promise.all([connected(path), connected(path), connected(path)]);
    for (const socket of hostile) {
      socket.pause();
      socket.write(Buffer.alloc(1_000_000));
    }
    (await connected(path)).destroy();
    assert.equal((await readText(path, READING)).length, 4_000_000);
    await Promise.all(
      hostile.map((socket) => {
        socket.resume();
        return new Promise((resolve) =>
          socket.destroyed ? resolve(0) : socket.once('close', resolve),
        );
      }),
    );
    served.close();
  });

  it('turns readers away while there are too many, and cuts them off in time', async () => {
    const path = newPath();
    const served = await serveText(path, () => 'x'.repeat(4_000_000));
    const slow = await Promise.all(Array.from({ length: 30 }, () => connected(path)));
    for (const socket of slow) {
      socket.pause();
    }
    const begun = performance.now();
    let text = '';
    while (text.length < 4_000_000 && performance.now() - begun < 5000) {
      text = await readText(path, READING).catch(() => '');
    }
    assert.equal(text.length, 4_000_000, 'the slow ones were cut off');
    for (const socket of slow) {
      socket.destroy();
    }
    served.close();
  });

  it('replaces what a dead process left, and nothing that answers', async () => {
    const path = newPath();
    writeFileSync(path, 'no socket at all');
    const first = await serveText(path, () => 'first');
    await assert.rejects(
      serveText(path, () => 'second'),
      { code: 'EADDRINUSE' },
    );
    assert.equal(await readText(path, READING), 'first');
    first.close();
  });
});

describe('a reader', () => {
  it('waits for a limited time, and takes a limited text', async () => {
    const path = newPath();
    const accepted: Socket[] = [];
    const mute = createServer((socket) => {
      accepted.push(socket.on('error', () => {}));
      socket.write(Buffer.alloc(5000));
    }).listen(path);
    await assert.rejects(readText(path, { timeoutMs: 50, maxBytes: 10_000 }), {
      code: 'ETIMEDOUT',
    });
    await assert.rejects(readText(path, { timeoutMs: 5000, maxBytes: 1000 }), { code: 'EFBIG' });
    for (const socket of accepted) {
      socket.destroy();
    }
    mute.close();
  });
});
