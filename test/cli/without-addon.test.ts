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

/** Stands for an addon that was built before the program was updated: it can be loaded, and lacks all. */
const OTHER_ADDON = join(
  CHECKOUT,
  `node_modules/sodium-native/prebuilds/${process.platform}-${process.arch}/sodium-native.node`,
);

/** A checkout of which only the TypeScript was built. */
function checkout(): string {
  const folder = mkdtempSync(join(tmpdir(), 'wg-rendezvous-no-addon-'));
  cpSync(join(CHECKOUT, 'dist', 'bin'), join(folder, 'dist', 'bin'), { recursive: true });
  cpSync(join(CHECKOUT, 'package.json'), join(folder, 'package.json'));
  symlinkSync(join(CHECKOUT, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}

for (const [what, addon, reason] of [
  ['was not built', undefined, 'the addon was not built'],
  ['is of another version', OTHER_ADDON, 'the addon is of another version[^\n]* interfaceIndex'],
] as const) {
  describe(`where the addon ${what}`, () => {
    let folder: string;
    let program: string;
    before(() => {
      folder = checkout();
      program = join(folder, 'dist', 'bin', 'wg-rendezvous.js');
      if (addon !== undefined) {
        cpSync(addon, join(folder, 'build', 'Release', 'wg_rendezvous.node'));
      }
    });
    after(() => rmSync(folder, { recursive: true }));

    it('the server says so in one line, and answers', async () => {
      const server = spawn(process.execPath, [program, 'server', '--listen', '127.0.0.1:0']);
      const socket = createSocket('udp4');
      let said = '';
      server.stderr.on('data', (text: Buffer) => {
        said += text.toString();
      });
      try {
        const [listening] = (await once(server.stdout, 'data')) as [Buffer];
        const port = Number(/127\.0\.0\.1:(\d+)/.exec(listening.toString())?.[1]);
        const answer = once(socket, 'message', { signal: AbortSignal.timeout(10_000) });
        socket.send(Buffer.alloc(64, 7), port, '127.0.0.1');
        assert.equal(((await answer) as [Buffer])[0].length, 6);
        server.kill('SIGTERM');
        assert.deepEqual(await once(server, 'close'), [0, null]);
      } finally {
        socket.close();
        server.kill('SIGKILL');
      }
      // node:dgram cannot pass the kernel's limits, whoever runs it: on most hosts there is a second line.
      const lines = said.split('\n').filter((line) => !/ warn {2}the kernel grants /.test(line));
      assert.match(lines.join('\n'), new RegExp(`^[^\n]* warn .*${reason}.*make addon[^\n]*\n$`));
    });

    it('the client says in one line what to do', async () => {
      const { code, stderr } = await runCommand(['client', 'lo', '127.0.0.1'], { program });
      assert.equal(code, 1);
      assert.match(stderr, new RegExp(`^error: ${reason}[^\n]*make addon[^\n]*\n$`));
    });
  });
}
