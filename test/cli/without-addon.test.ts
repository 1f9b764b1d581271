import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { LabProcess } from '../../src/lab/process.js';
import { endpoint } from '../../src/wire/endpoint.js';
import { query, SERVICE } from '../dns/asking.js';
import { exchange } from '../dns/exchange.js';
import { withWg } from '../wireguard/stand-in.js';
import { TWO_PEERS } from './client-process.js';
import { ADDON_FILE, CHECKOUT, ProgramWithoutAddon } from './program-without-addon.js';
import { runCommand } from './run-command.js';

/** Stands for an addon that was built before the program was updated: it can be loaded, and lacks all. */
const OTHER_ADDON = join(
  CHECKOUT,
  `node_modules/sodium-native/prebuilds/${process.platform}-${process.arch}/sodium-native.node`,
);

for (const [what, addon, reason] of [
  ['was not built', undefined, 'the addon was not built'],
  ['is of another version', OTHER_ADDON, 'the addon is of another version[^\n]* interfaceIndex'],
] as const) {
  describe(`where the addon ${what}`, () => {
    let program: ProgramWithoutAddon;
    before(() => {
      program = new ProgramWithoutAddon(addon);
    });
    after(() => program[Symbol.dispose]());

    it('the server says so in one line, and answers', async () => {
      const server = spawn(process.execPath, [program.path, 'server', '--listen', '127.0.0.1:0']);
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
      // node:dgram cannot pass the kernel's limits, even as root: on most hosts there is a second line.
      const lines = said.split('\n').filter((line) => !/ warn {2}the kernel grants /.test(line));
      assert.match(lines.join('\n'), new RegExp(`^[^\n]* warn .*${reason}.*make addon[^\n]*\n$`));
    });

    it('dns server says so in one line, and answers', () =>
      withWg(TWO_PEERS, async (_folder, wg) => {
        const zone = ['--zone', 'example.com', '--interface', 'lo', '--public', '--wg', wg];
        const args = ['dns', 'server', ...zone, '--listen', '127.0.0.1:0'];
        await using server = new LabProcess(process.execPath, [program.path, ...args]);
        const [, port] = await server.waitForOutput(/listening on 127\.0\.0\.1:(\d+)/);
        const asked = query(SERVICE, 'PTR');
        const { answers } = await exchange(endpoint('127.0.0.1', Number(port)), asked, 'udp');
        assert.equal(answers?.length, 1, 'the peer with an endpoint');
        assert.deepEqual(await server.stop(), { code: 0, signal: null });
        const lines = server.stderr.match(new RegExp(`^[^\n]* warn .*${reason}.*\n`, 'gm'));
        assert.equal(lines?.length, 1, server.stderr);
      }));

    it('the client says in one line what to do', async () => {
      const { code, stderr } = await runCommand(['client', 'lo', '127.0.0.1'], {
        program: program.path,
      });
      assert.equal(code, 1);
      assert.match(stderr, new RegExp(`^error: ${reason}[^\n]*make addon[^\n]*\n$`));
    });
  });
}

describe('the addon that the program takes', () => {
  const good = join(CHECKOUT, ADDON_FILE.built);
  const broken = join(CHECKOUT, 'package.json');
  const run = async (built: string | undefined, prebuilt: string | undefined): Promise<string> => {
    using program = new ProgramWithoutAddon(built, prebuilt);
    const args = ['client', 'lo', '127.0.0.1', '--once', '--timeout', '1'];
    return (await runCommand(args, { program: program.path })).stderr;
  };

  it('is the prebuilt one, also beside a stale one that was built', async () => {
    for (const built of [undefined, OTHER_ADDON]) {
      assert.doesNotMatch(await run(built, good), /addon/);
    }
  });

  it('is the one that was built, where the prebuilt one cannot be loaded', async () => {
    assert.doesNotMatch(await run(good, broken), /addon/);
  });

  it('is missing, and the prebuilt one is blamed, if neither can be loaded', async () => {
    assert.match(
      await run(undefined, broken),
      /^error: the addon was not built [^\n]*prebuilds[^\n]*\n$/,
    );
  });
});
