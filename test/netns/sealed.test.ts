import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { createLab, type Lab } from '../../src/lab/index.js';
import { generateKeyPair } from '../../src/sealed/key-pair.js';
import { formatPublicKey } from '../../src/wire/key.js';
import { connected, handshakes, startClient, startServer } from './our-programs.js';
import { SealedServer, said, shake } from './sealed-programs.js';

const HOSTS = { a: { nat: 'cone' }, b: { nat: 'cone' } } as const;
const TO_SERVER = { direction: 'outbound', destinationPort: 49918 } as const;
/** Longer than any interval of a client that polls. */
/** A client that waits for a peer pings the server this often. */
const PING_MS = 2000;
const QUIET_MS = 2500;

const someKey = () => formatPublicKey(generateKeyPair().publicKey);

describe('the sealed protocol', { concurrency: 3 }, () => {
  it('connects two behind NATs; the side that waits learns by push, and only pings meanwhile', async () => {
    await using lab = await createLab({ hosts: HOSTS });
    await using server = await SealedServer.start(lab);
    const a = server.client(lab.host('a'));
    await said(a, /: unknown, the server does not know it/);
    await using asked = await lab.host('a').cable.count(TO_SERVER);
    await delay(QUIET_MS);
    const pings = await asked.packets();
    assert.ok(pings <= 1 + QUIET_MS / PING_MS, `${pings} datagrams`);
    server.client(lab.host('b'));
    await connected(lab, ['a', 'b']);
    await said(a, /local addresses \S+:51820/);
    const sent = (await asked.packets()) - pings;
    assert.ok(
      sent >= 1 && sent <= 12,
      `${sent} datagrams: acknowledgements, candidates, and pings`,
    );
  });

  it('ends with --once when all are connected', async () => {
    await using lab = await createLab({ hosts: HOSTS });
    await using server = await SealedServer.start(lab);
    const [a, b] = [lab.host('a'), lab.host('b')].map((host) => server.client(host, '--once'));
    assert.deepEqual(await a?.exited, { code: 0, signal: null });
    assert.deepEqual(await b?.exited, { code: 0, signal: null });
    await connected(lab, ['a', 'b']);
  });

  it('leaves the registration of --once for peers that come later', async () => {
    await using lab = await createLab({ hosts: { a: { nat: 'none' }, b: { nat: 'cone' } } });
    await using server = await SealedServer.start(lab);
    const a = server.client(lab.host('a'), '--once', '--timeout', '2');
    assert.deepEqual(await a.exited, { code: 3, signal: null });
    const b = server.client(lab.host('b'), '--once');
    assert.deepEqual(await b.exited, { code: 0, signal: null });
  });

  it('discloses no client that does not want the asker, and WireGuard ignores messages it overhears', async () => {
    await using lab = await createLab({ hosts: HOSTS });
    await using server = await SealedServer.start(lab);
    const b = lab.host('b').wireguard;
    await b.removePeer(lab.host('a').wireguard.publicKey);
    await b.setPeer({ publicKey: someKey(), allowedIps: ['10.9.9.9/32'] });
    await said(server.client(lab.host('b')), /: unknown, /);
    const a = server.client(lab.host('a'), '--once', '--timeout', '3');
    assert.deepEqual(await a.exited, { code: 3, signal: null });
    assert.match(a.stderr, /the server does not know it/);
    const { wireguard } = lab.host('a');
    assert.equal(await wireguard.endpointOf(b.publicKey), undefined);
    assert.match(
      await lab.host('a').exec('wg', ['show', wireguard.interface, 'transfer']),
      /\t0\t0/,
    );
  });

  it('registers again when the server was restarted', async () => {
    await using lab = await createLab({ hosts: HOSTS });
    await using server = await SealedServer.start(lab);
    await said(server.client(lab.host('a')), /: unknown, /);
    await server.process?.stop('SIGKILL');
    await server.start();
    await shake(lab.host('a'));
    server.client(lab.host('b'));
    await connected(lab, ['a', 'b']);
  });

  it('goes on from another port', async () => {
    await using lab = await createLab({ hosts: HOSTS });
    await using server = await SealedServer.start(lab);
    await said(server.client(lab.host('a')), /: unknown, /);
    const { wireguard } = lab.host('a');
    await wireguard.setListenPort(51999);
    server.client(lab.host('b'));
    await connected(lab, ['a', 'b']);
    const endpoint = await lab.host('b').wireguard.endpointOf(wireguard.publicKey);
    assert.equal(endpoint?.port, 51999);
  });

  it('follows an interface that was recreated with another key', async () => {
    await using lab = await createLab({ hosts: HOSTS });
    await using server = await SealedServer.start(lab);
    const a = server.client(lab.host('a'));
    await said(a, /: unknown, /);
    const { wireguard } = lab.host('a');
    await wireguard.remove();
    await said(a, /there is no interface/);
    await wireguard.create();
    server.client(lab.host('b'));
    await connected(lab, ['a', 'b']);
  });

  it('says goodbye when it is stopped: its peers know at once', async () => {
    await using lab = await createLab({ hosts: HOSTS });
    await using server = await SealedServer.start(lab);
    const a = server.client(lab.host('a'), '--log-format', 'json');
    const b = server.client(lab.host('b'));
    await handshakes(lab, ['a', 'b']);
    assert.deepEqual(await b.stop(), { code: 0, signal: null });
    await said(a, /"answer":"unknown"/);
  });

  it('works over IPv6', async () => {
    const hosts = { a: { nat: 'cone', ipv6: true }, b: { nat: 'cone', ipv6: true } } as const;
    await using lab = await createLab({ hosts });
    await using server = await SealedServer.start(lab);
    const address = lab.rendezvous.addresses[6][0] as string;
    for (const name of ['a', 'b'] as const) {
      startClient(lab.host(name), address, '--server-key', server.key);
    }
    await connected(lab, ['a', 'b']);
    const { publicKey } = lab.host('b').wireguard;
    assert.equal((await lab.host('a').wireguard.endpointOf(publicKey))?.family, 6);
  });

  it('reports a wrong key, and no problem with the right one', async () => {
    await using lab = await createLab({ hosts: HOSTS });
    await using server = await SealedServer.start(lab);
    const wrong = await lacking(lab, someKey());
    assert.match(wrong, /has another key than the one given by --server-key/);
    assert.doesNotMatch(wrong, /no answer/);
    const own = await lacking(lab, lab.host('a').wireguard.publicKey);
    assert.match(own, /is this interface's own key/);
    await server.process?.stop();
    await server.start('--sealed-only');
    assert.match(await lacking(lab, someKey()), /no answer from .* --sealed-only and another key/);
  });

  it('reports that it is not on the allow list, and a server without the protocol', async () => {
    await using lab = await createLab({ hosts: HOSTS });
    await using server = await SealedServer.start(lab);
    await writeFile(server.file('allow'), `${lab.host('b').wireguard.publicKey}\n`);
    await server.process?.stop();
    await server.start('--allow', server.file('allow'));
    assert.match(await lacking(lab, server.key), /does not let this host register/);
    await server.process?.stop();
    await startServer(lab.rendezvous);
    const silent = await lacking(lab, server.key);
    assert.match(silent, /no answer from .* without --key/);
    assert.equal(silent.match(/warn .*no answer/g)?.length, 1);
  });
});

/** What a's client says that runs for a while and does not connect. */
async function lacking(lab: Lab<'a' | 'b'>, key: string): Promise<string> {
  const { address } = lab.rendezvous;
  const limit = ['--once', '--timeout', '4'];
  const client = startClient(lab.host('a'), address, '--server-key', key, ...limit);
  assert.deepEqual(await client.exited, { code: 3, signal: null });
  return client.stderr;
}
