import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { PROGRAM, runCommand } from './run-command.js';

const CHECKOUT = join(dirname(PROGRAM), '..', '..');

// A checkout of which only the TypeScript was built.
describe('where the addon was not built', () => {
  let folder: string;
  let program: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'wg-rendezvous-no-addon-'));
    cpSync(join(CHECKOUT, 'dist', 'bin'), join(folder, 'dist', 'bin'), { recursive: true });
    cpSync(join(CHECKOUT, 'package.json'), join(folder, 'package.json'));
    symlinkSync(join(CHECKOUT, 'node_modules'), join(folder, 'node_modules'));
    program = join(folder, 'dist', 'bin', 'wg-rendezvous.js');
  });
  after(() => rmSync(folder, { recursive: true }));

  it('the server says so, and answers', async () => {
    const server = spawn(process.execPath, [program, 'server', '--listen', '127.0.0.1:0']);
    const socket = createSocket('udp4');
    try {
      const said = once(server.stderr, 'data');
      const [listening] = (await once(server.stdout, 'data')) as [Buffer];
      const port = Number(/127\.0\.0\.1:(\d+)/.exec(listening.toString())?.[1]);
      assert.match(String(await said), /warn .*the addon was not built/);
      const answer = once(socket, 'message', { signal: AbortSignal.timeout(10_000) });
      socket.send(Buffer.alloc(64, 7), port, '127.0.0.1');
      assert.equal(((await answer) as [Buffer])[0].length, 6);
      server.kill('SIGTERM');
      assert.deepEqual(await once(server, 'close'), [0, null]);
    } finally {
      socket.close();
      server.kill('SIGKILL');
    }
  });

  it('the client says in one line what to do', async () => {
    const { code, stderr } = await runCommand(['client', 'lo', '127.0.0.1'], { program });
    assert.equal(code, 1);
    assert.match(stderr, /^error: the addon was not built[^\n]*make addon[^\n]*\n$/);
  });
});
