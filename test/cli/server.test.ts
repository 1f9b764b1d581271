import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { withWg } from '../wireguard/stand-in.js';
import { TWO_PEERS } from './client-process.js';
import { ServerProcess } from './server-process.js';
import { runOnTerminal } from './terminal.js';

const DEADLINE_MS = 10_000;
const A = Buffer.alloc(32, 0xaa);
const B = Buffer.alloc(32, 0xbb);

/** Sends a request from a socket that is bound or gets bound by it. */
async function ask(
  socket: Socket,
  port: number,
  request: Buffer,
  address = '127.0.0.1',
): Promise<Buffer> {
  const answer = once(socket, 'message', { signal: AbortSignal.timeout(DEADLINE_MS) });
  socket.send(request, port, address);
  return ((await answer) as [Buffer])[0];
}

function bytesOf(socket: Socket, address: Buffer): Buffer {
  const port = Buffer.alloc(2);
  port.writeUInt16BE(socket.address().port);
  return Buffer.concat([address, port]);
}

describe('the server command', () => {
  it('answers over both families, keeps them apart, and counts', async () => {
    await using server = new ServerProcess();
    const [port4, port6] = [await server.port(), await server.port()];
    const [v4, v6] = [createSocket('udp4'), createSocket('udp6')];
    try {
      assert.equal((await ask(v4, port4, Buffer.concat([A, B]))).length, 0, 'unknown');
      assert.equal(
        (await ask(v6, port6, Buffer.concat([B, A]), '::1')).length,
        0,
        'known over IPv4 only',
      );
      const self4 = await ask(v4, port4, Buffer.concat([A, A]));
      assert.deepEqual(self4, bytesOf(v4, Buffer.from([127, 0, 0, 1])));
      const self6 = await ask(v6, port6, Buffer.concat([B, B]), '::1');
      assert.deepEqual(self6, bytesOf(v6, Buffer.from(`${'0'.repeat(31)}1`, 'hex')));
      for (let length = 0; length <= 2000; length++) {
        if (length !== 64) {
          v4.send(Buffer.alloc(length, 1), port4, '127.0.0.1');
        }
      }
      await ask(v4, port4, Buffer.concat([A, B]));
      server.child.kill('SIGUSR1');
      assert.match(
        await server.line(),
        /^counts: registrations 2, refreshes 3, moves 0, hits 2, misses 3, malformed 2000, /,
      );
      server.child.kill('SIGTERM');
      assert.match(await server.line(), /^counts: registrations 2, .*malformed 2000, /);
      assert.deepEqual(await once(server.child, 'close'), [0, null]);
    } finally {
      v4.close();
      v6.close();
    }
  });

  for (const command of ['server', 'dns server']) {
    it(`${command} on a terminal: Ctrl-C and SIGTERM end it with 0 and its counts, SIGHUP does not, SIGUSR1 opens no inspector`, () =>
      withWg(TWO_PEERS, async (_folder, wg) => {
        const more = ['--zone', 'example.com', '--interface', 'lo', '--public', '--wg', wg];
        const options = command === 'server' ? [] : more;
        const args = [...command.split(' '), '--listen', '127.0.0.1:0', ...options];
        for (const action of ['int', 'term', 'hup', 'usr1']) {
          const { end, drawn } = await runOnTerminal(`${action}:listening on`, args);
          assert.equal(end, '0', `${action}: ${drawn}`);
          const counts = drawn.match(/counts: /g);
          assert.equal(counts?.length, action === 'usr1' ? 2 : 1, drawn);
          assert.doesNotMatch(drawn, /[Dd]ebugger/);
        }
      }));
  }

  it('SIGHUP does nothing to a server without a list', async () => {
    await using server = new ServerProcess();
    const port = await server.port();
    server.child.kill('SIGHUP');
    const socket = createSocket('udp4');
    assert.equal((await ask(socket, port, Buffer.concat([A, A]))).length, 6);
    socket.close();
  });

  it('prints its counts as JSON where logs are JSON', async () => {
    await using server = new ServerProcess('--log-format', 'json');
    await server.port();
    await server.port();
    server.child.kill('SIGINT');
    const { counts } = JSON.parse(await server.line()) as { counts: { classic: object } };
    assert.ok('malformed' in counts.classic);
    assert.deepEqual(await once(server.child, 'close'), [0, null]);
  });

  it('forgets a peer after its time to live, and holds no more than it may', async () => {
    await using server = new ServerProcess('--peer-ttl', '1', '--max-peers', '4');
    const port = await server.port();
    const socket = createSocket('udp4');
    try {
      const keys = [1, 2, 3].map((byte) => Buffer.alloc(32, byte)) as [Buffer, Buffer, Buffer];
      for (const key of keys) {
        await ask(socket, port, Buffer.concat([key, B]));
      }
      const known = async (key: Buffer) =>
        (await ask(socket, port, Buffer.concat([keys[0], key]))).length === 6;
      assert.ok(await known(keys[1]));
      assert.ok(!(await known(keys[2])), 'one source has half of the room');
      const deadline = Date.now() + DEADLINE_MS;
      while (await known(keys[1])) {
        assert.ok(Date.now() < deadline, 'waited for the entry to expire');
      }
    } finally {
      socket.close();
    }
  });
});
