import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLab, type Lab, type LabProcess, type NatKind } from '../../src/lab/index.js';
import { startClient } from './our-programs.js';
import { SealedServer, said } from './sealed-programs.js';

const PORTS_KEPT =
  /NAT over IPv4: endpoint-independent mapping( \(seen from one address\))?, ports preserved/;
const DEPENDENT = /NAT over IPv4: address-and-port-dependent mapping, ports changed/;

/** What a client has to say of the NATs that the lab makes. */
const EXPECTED: Readonly<Partial<Record<NatKind, RegExp>>> = {
  none: /NAT over IPv4: none/,
  cone: PORTS_KEPT,
  symmetric: DEPENDENT,
  cgnat: PORTS_KEPT,
  'full-cone': PORTS_KEPT,
  poisoning: PORTS_KEPT,
};

/** The address and ports of coturn's STUN server. */
const COTURN_PORT = 3478;

async function startCoturn(lab: Lab<string>): Promise<LabProcess> {
  const addresses = lab.rendezvous.addresses[4];
  const listen = addresses.flatMap((address) => ['-L', address]);
  const coturn = lab.rendezvous.spawn('turnserver', [
    ...['-n', '-S', '--no-tls', '--no-dtls', '--no-cli', '--no-tcp', '--log-file', 'stdout'],
    ...['-p', String(COTURN_PORT), '--pidfile', '/dev/null', ...listen],
  ]);
  await lab.rendezvous.listening(coturn, COTURN_PORT);
  return coturn;
}

describe('NAT behaviour, as a client observes it', { concurrency: 2 }, () => {
  for (const [nat, expected] of Object.entries(EXPECTED) as [NatKind, RegExp][]) {
    it(`${nat}: from the two ports of our server`, async () => {
      await using lab = await createLab({ hosts: { a: { nat }, b: {} } });
      await using server = await SealedServer.start(lab);
      const client = server.client(lab.host('a'));
      await said(client, expected);
    });
  }
});

describe('NAT behaviour, as coturn shows it', { concurrency: 2 }, () => {
  for (const [nat, expected] of Object.entries(EXPECTED) as [NatKind, RegExp][]) {
    it(`${nat}: from two addresses, while no rendezvous server answers`, async () => {
      await using lab = await createLab({ hosts: { a: { nat }, b: {} }, rendezvousAddresses: 2 });
      await startCoturn(lab);
      const [first, second] = lab.rendezvous.addresses[4];
      const servers = ['--stun', `${first}`, '--stun', `${second}:${COTURN_PORT}`];
      const client = startClient(lab.host('a'), '198.51.100.200', ...servers);
      await said(client, expected);
      assert.doesNotMatch(client.stderr, /seen from one address/);
    });
  }

  it('and says which STUN server does not answer', async () => {
    await using lab = await createLab({ hosts: { a: { nat: 'cone' }, b: {} } });
    await startCoturn(lab);
    const { address } = lab.rendezvous;
    const servers = ['--stun', address, '--stun', `${address}:9`];
    const client = startClient(lab.host('a'), '198.51.100.200', ...servers);
    await said(client, new RegExp(`no answer to STUN from ${address}, UDP port 9: correct`));
    assert.doesNotMatch(client.stderr, /UDP port 3478/);
  });
});
