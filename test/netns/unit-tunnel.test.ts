import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLab, until, x25519Keys } from '../../src/lab/index.js';
import { PROGRAM } from '../cli/run-command.js';
import { CONNECT_TIMEOUT_MS } from './our-programs.js';
import { SealedServer } from './sealed-programs.js';
import { Systemd } from './systemd.js';

const INTERFACE = 'wgsd0';
const CLIENT = `wg-rendezvous@${INTERFACE}`;
const TUNNEL_ADDRESS = '10.200.0.77';

describe('the client unit behind a symmetric NAT', () => {
  it('connects: its sandbox lets it open sockets and write nft rules', async () => {
    const hosts = { a: { nat: 'symmetric', wireguard: false }, b: { nat: 'cone' } } as const;
    await using lab = await createLab({ hosts, distance: { roundTripMs: 50 } });
    await using server = await SealedServer.start(lab);
    const b = lab.host('b');
    const keys = x25519Keys();
    await using systemd = new Systemd(
      {
        [`wireguard/${INTERFACE}.conf`]: `[Interface]
PrivateKey = ${keys.privateKey}
ListenPort = 51820
Address = ${TUNNEL_ADDRESS}/24
[Peer]
PublicKey = ${b.wireguard.publicKey}
AllowedIPs = ${b.wireguard.tunnelAddress}/32
`,
        [`wg-rendezvous/${INTERFACE}.conf`]: `[Client]
Server = ${server.key}@${lab.rendezvous.address}
`,
      },
      lab.host('a'),
    );
    await systemd.started();
    await b.wireguard.setPeers([
      { publicKey: keys.publicKey, allowedIps: [`${TUNNEL_ADDRESS}/32`] },
    ]);
    server.client(b);
    await systemd.run('systemctl', 'start', `wg-quick@${INTERFACE}`, CLIENT);
    await until(
      'the unit to be connected',
      async () => {
        const status = await systemd.run(
          'systemctl',
          'show',
          '--value',
          '-p',
          'StatusText',
          CLIENT,
        );
        return /^1 of 1 peers connected/.test(status);
      },
      { timeoutMs: CONNECT_TIMEOUT_MS },
    );
    await systemd.run('ping', '-n', '-q', '-c', '1', '-w', '3', b.wireguard.tunnelAddress);
    // The flow leaves by the port of the socket that got through: nft was run inside the sandbox.
    const rules = await lab.host('a').exec('nft', ['list', 'table', 'ip', 'wg-rendezvous']);
    assert.match(rules, /udp sport 51820 .*masquerade to :\d+/);
    assert.match(await systemd.run('wg-rendezvous', 'status', INTERFACE), /path: hard-nat/);
    const other = await b.exec(process.execPath, [PROGRAM, 'status', b.wireguard.interface]);
    assert.match(other, /path: hard-nat/);
    await systemd.run('systemctl', 'stop', CLIENT);
    assert.doesNotMatch(await lab.host('a').exec('nft', ['list', 'ruleset']), /masquerade|drop/);
    await systemd.run('ping', '-n', '-q', '-c', '1', '-w', '3', b.wireguard.tunnelAddress);
  });
});
