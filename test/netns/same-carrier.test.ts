import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createLab, type LabHost, until } from '../../src/lab/index.js';
import { connected, spawnCommand } from './our-programs.js';
import { SealedServer, said } from './sealed-programs.js';

const HOSTS = { a: { nat: 'cgnat' }, b: { sameCarrierAs: 'a' } } as const;

/** What a command prints of a host's interface. */
async function printed(host: LabHost, command: 'status' | 'check'): Promise<string> {
  const program = spawnCommand(host, command, host.wireguard.interface);
  await program.exited;
  return program.stdout.replace(/\s+/g, ' ');
}

it('two homes behind one carrier NAT that does not hairpin: log, status and check say why', async () => {
  await using lab = await createLab({ hosts: HOSTS });
  await using server = await SealedServer.start(lab);
  const [a, b] = [lab.host('a'), lab.host('b')];
  const [carrier] = a.outsideAddresses;
  const why = `both hosts are behind the same NAT (${carrier}), which does not hairpin`;
  const clients = [a, b].map((host) => server.client(host));
  for (const client of clients) {
    await until('the log to say why', () => client.stderr.includes(why), { timeoutMs: 30_000 });
    assert.match(client.stderr, /carrier's NAT they need a relay \(server --relay\)/);
  }
  for (const host of [a, b]) {
    assert.ok((await printed(host, 'status')).includes(why));
    await until(
      'the check to say why',
      async () =>
        (await printed(host, 'check')).includes(
          'which does not hairpin, and not reached at its local addresses: relay needed',
        ),
      { timeoutMs: 30_000 },
    );
  }
});

it('the same by a relay: connected, with the reason', async () => {
  await using lab = await createLab({ hosts: HOSTS });
  await using server = await SealedServer.start(lab, '--relay');
  const [a, b] = [lab.host('a'), lab.host('b')];
  const clients = [a, b].map((host) => server.client(host));
  await connected(lab, ['a', 'b']);
  for (const client of clients) {
    await said(client, /connected, .*; no direct path: both hosts are behind the same NAT/);
  }
  for (const host of [a, b]) {
    const why = `both hosts are behind the same NAT (${a.outsideAddresses[0]})`;
    assert.ok((await printed(host, 'status')).includes(why));
    assert.ok((await printed(host, 'check')).includes(`; no direct path: ${why}`));
  }
});
