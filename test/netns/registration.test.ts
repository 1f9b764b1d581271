import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createLab, type Lab, type LabProcess, until } from '../../src/lab/index.js';
import { connected, spawnCommand, startClient } from './our-programs.js';

const HINT_TIMEOUT_MS = 30_000;
const PRIVATE =
  'the server sees this host at a private address: it stands in the same LAN, or behind';
const NOT_KEPT = 'does not keep this host, so no peer finds it';

/** What a client says of its registration, at a server that it reaches. */
describe('a registration that is no use to peers', () => {
  let lab: Lab<'a' | 'b'>;
  let serverKey: string;
  const state = mkdtempSync(join(tmpdir(), 'wg-registration-'));

  before(async () => {
    lab = await createLab({ hosts: { a: { nat: 'none' }, b: { nat: 'none' } } });
    const server = spawnCommand(lab.rendezvous, 'server', '--key', join(state, 'key'));
    await server.waitForOutput(/public key \S+\n/);
    serverKey = /public key (\S+)/.exec(server.stdout)?.[1] as string;
  });
  after(async () => {
    await lab?.dispose();
    rmSync(state, { recursive: true });
  });

  const says = (client: LabProcess, text: RegExp) =>
    until(`${text} from the client`, () => text.test(client.stderr), {
      timeoutMs: HINT_TIMEOUT_MS,
    });

  it('a server that is full is noticed by the classic client, which it answers as ever', async () => {
    const { rendezvous } = lab;
    const listen = `${rendezvous.address}:5000`;
    await using full = spawnCommand(rendezvous, 'server', '--listen', listen, '--max-peers', '1');
    await full.waitForOutput(/listening on/);
    // A request of 64 bytes, of a key that asks for itself.
    const request = `printf %064d 7 > /dev/udp/${rendezvous.address}/5000`;
    await lab.host('b').exec('bash', ['-c', request]);
    await using client = startClient(lab.host('a'), listen);
    await says(client, new RegExp(`${NOT_KEPT}.*--max-peers`));
  });

  for (const protocol of ['classic', 'sealed'] as const) {
    it(`${protocol}: a private source at a public server is named`, async () => {
      const { rendezvous } = lab;
      const a = lab.host('a');
      await a.ip([
        'address add 10.99.0.1/24 dev eth0',
        `route add ${rendezvous.address}/32 dev eth0 src 10.99.0.1`,
      ]);
      await rendezvous.ip(['address add 10.99.0.9/24 dev eth0']);
      const key = protocol === 'sealed' ? ['--server-key', serverKey] : [];
      await using client = startClient(a, rendezvous.address, ...key);
      await says(client, new RegExp(`${PRIVATE}.*\\(it sees 10\\.99\\.0\\.1:`));
      await a.ip([
        `route del ${rendezvous.address}/32 dev eth0`,
        'address del 10.99.0.1/24 dev eth0',
      ]);
      await rendezvous.ip(['address del 10.99.0.9/24 dev eth0']);
    });
  }

  for (const protocol of ['classic', 'sealed'] as const) {
    it(`${protocol}: --refresh sets how often the registration is renewed`, async () => {
      const a = lab.host('a');
      const key = protocol === 'sealed' ? ['--server-key', serverKey] : [];
      const arguments_ = [lab.rendezvous.address, ...key, '--refresh', '1'] as const;
      await using client = startClient(a, ...arguments_);
      await using other = startClient(lab.host('b'), ...arguments_);
      await connected(lab, ['a', 'b']);
      await using requests = await a.cable.count({
        direction: 'outbound',
        destinationPort: 49918,
      });
      // Without the option there is one in 25 s, after a few that belong to the connection.
      await until('twenty refreshes', async () => (await requests.packets()) >= 20, {
        timeoutMs: 40_000,
      });
      assert.ok(client.running && other.running);
    });
  }

  it('a classic client that is kept at a public address reports neither', async () => {
    await using client = startClient(lab.host('a'), lab.rendezvous.address);
    await using other = startClient(lab.host('b'), lab.rendezvous.address);
    await connected(lab, ['a', 'b']);
    for (const { stderr } of [client, other]) {
      assert.ok(!stderr.includes(NOT_KEPT) && !stderr.includes(PRIVATE), stderr);
    }
  });
});
