import assert from 'node:assert/strict';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createLab, type LabHost, type LabProcess, until } from '../../src/lab/index.js';
import { CONNECT_TIMEOUT_MS, connected } from './our-programs.js';
import { SealedServer, shake } from './sealed-programs.js';

const PROGRAM = fileURLToPath(new URL('lying-server.js', import.meta.url));
const HOSTS = { a: { nat: 'cone' }, b: { nat: 'cone' }, c: { nat: 'none' } } as const;
const WIREGUARD_PORT = 51820;
const LIMIT = { timeoutMs: CONNECT_TIMEOUT_MS };

it('a server that lies of where a peer is costs failed handshakes, and nothing else', async () => {
  await using lab = await createLab({ hosts: HOSTS });
  const [a, b, c] = [lab.host('a'), lab.host('b'), lab.host('c')];
  await using server = await SealedServer.start(lab);
  await server.process?.stop();
  const lie = `${c.outsideAddresses[0]}:${WIREGUARD_PORT}`;
  const liar = await startLiar(lab.rendezvous, server.file('keys/key'), lie);

  // For both the server says that the other is at c, whose WireGuard has another key, and believe it.
  const [source = ''] = a.outsideAddresses;
  await using misled = await c.cable.count({ direction: 'inbound', protocol: 'udp', source });
  const client = server.client(a);
  server.client(b);
  const lack = `peer ${b.wireguard.publicKey.slice(0, 8)}: connecting, no handshake with ${lie} yet`;
  await until(`a to say: ${lack}`, () => client.stderr.includes(lack), LIMIT);
  await until('initiations of a at c', async () => (await misled.packets()) > 0, LIMIT);
  await nothingFrom(b, a);
  await nothingFrom(a, b);
  await nothingFrom(a, c);
  await nothingFrom(b, c);

  // Of c it is the truth: a has a tunnel to that very endpoint, and still none to b.
  server.client(c);
  await connected(lab, ['a', 'c']);
  const endpoints = await a.wireguard.show('endpoints');
  assert.equal(endpoints.get(c.wireguard.publicKey), lie);
  assert.equal(await lab.ping('a', 'b'), false);
  await nothingFrom(b, a);
  await nothingFrom(a, b);

  await liar.stop();
  await server.start();
  await Promise.all([shake(a), shake(b)]);
  await connected(lab, ['a', 'b']);
});

async function startLiar(host: LabHost, keyFile: string, lie: string): Promise<LabProcess> {
  const liar = host.spawn(process.execPath, [PROGRAM, keyFile, lie]);
  await liar.waitForOutput(/lying/);
  return liar;
}

/** Asserts that a host's WireGuard has received nothing under the key of another. */
async function nothingFrom({ wireguard: { publicKey } }: LabHost, { wireguard }: LabHost) {
  assert.equal(await wireguard.hasHandshake(publicKey), false);
  const transfer = await wireguard.show('transfer');
  assert.match(transfer.get(publicKey) ?? '', /^0\t/);
}
