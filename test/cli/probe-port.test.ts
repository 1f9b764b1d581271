import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { encodeStunRequest } from '../../src/wire/stun.js';
import { decodeStunResponse } from '../../src/wire/stun-response.js';
import { runCommand } from './run-command.js';
import { ServerProcess } from './server-process.js';

/** What STUN says at a port of this host; undefined if nobody answers in time. */
async function ask(port: number, waitMs = 5000) {
  const socket = createSocket('udp4');
  try {
    const answer = once(socket, 'message', { signal: AbortSignal.timeout(waitMs) });
    socket.send(encodeStunRequest(new Uint8Array(12)), port, '127.0.0.1');
    const [message] = (await answer.catch(() => [])) as [Buffer?];
    return message && decodeStunResponse(message)?.mapped;
  } finally {
    socket.close();
  }
}

/** A port of this host that somebody else has. */
async function takenPort(port = 0, address = '127.0.0.1') {
  const socket = createSocket('udp4');
  socket.bind(port, address);
  await once(socket, 'listening');
  return { port: socket.address().port, [Symbol.dispose]: () => socket.close() };
}

describe('server --probe-port and --stun', () => {
  it('STUN is answered at the first port, and at the second', async () => {
    await using server = new ServerProcess('--probe-port', '49919');
    const [first, , second] = [await server.port(), await server.port(), await server.port()];
    assert.equal((await ask(first))?.address, '127.0.0.1');
    assert.notEqual(second, first);
    assert.equal((await ask(second))?.address, '127.0.0.1');
  });

  it('a second port that is named and taken is an error', async () => {
    using taken = await takenPort();
    const args = ['server', '--listen', '127.0.0.1:49911', '--probe-port', `${taken.port}`];
    const { code, stderr } = await runCommand(args);
    assert.equal(code, 2);
    assert.match(stderr, new RegExp(`cannot listen on 127.0.0.1:${taken.port} \\(EADDRINUSE\\)`));
  });

  it('the default one, if it is in use, is one warning', async () => {
    using _ = await takenPort(49919, '127.0.0.2');
    await using server = new ServerProcess('--listen', '127.0.0.2:49912');
    const first = await server.port();
    const warning = await server.logLine(/EADDRINUSE/);
    assert.match(warning, /cannot listen on 127\.0\.0\.2:49919 .*--probe-port none/);
    assert.ok(await ask(first), 'the server goes on');
  });

  it('none turns it off', async () => {
    using _ = await takenPort(49919, '127.0.0.3');
    await using server = new ServerProcess(
      ...['--listen', '127.0.0.3:49913', '--probe-port', 'none'],
    );
    assert.ok(await ask(await server.port()));
    server.child.kill('SIGTERM');
    assert.equal(await server.logLine(/EADDRINUSE/), '', 'no warning');
  });

  for (const [args, said] of [
    [['--probe-port', '65536'], /--probe-port/],
    [['--probe-port', 'some'], /--probe-port/],
    [['--stun', '--sealed-only', '--key', '/nowhere/key'], /leave one of them out/],
  ] as const) {
    it(`unusable: ${args.join(' ')}`, async () => {
      const { code, stderr } = await runCommand(['server', ...args]);
      assert.equal(code, 2);
      assert.match(stderr, said);
      assert.equal(stderr.trim().split('\n').length, 1);
    });
  }
});
