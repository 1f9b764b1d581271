import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { askRouter } from '../../src/check/router.js';
import { FakeGateway } from '../client/paths/fake-gateway.js';

const DESCRIPTION = `<service><serviceType>urn:schemas-upnp-org:service:WANIPConnection:1</serviceType>
  <controlURL>/control</controlURL></service>`;

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'));
const PCP_REPLY = hex(`02 80 00 00 00000000 00000064 ${'00'.repeat(12)}`);
const PMP_REPLY = hex('00 80 0000 00000064 cb007105');

/** A gateway that speaks these protocols. */
function gateway({ pcp = false, pmp = false, upnp = false }) {
  const fake = new FakeGateway();
  fake.datagram = (message) => {
    if (message[0] === 2) {
      // A router that speaks NAT-PMP only answers PCP in its own version.
      return pcp ? PCP_REPLY : pmp ? hex('00 80 0001 00000064') : undefined;
    }
    return pmp ? PMP_REPLY : undefined;
  };
  fake.location = upnp ? 'http://192.168.1.1/description' : undefined;
  fake.http = ({ pathname }) => ({
    status: 200,
    body:
      pathname === '/control'
        ? '<NewExternalIPAddress>203.0.113.6</NewExternalIPAddress>'
        : DESCRIPTION,
  });
  return fake;
}

describe('a router', () => {
  it('is asked by each protocol, and for nothing but its address', async () => {
    const fake = gateway({ pcp: true, pmp: true, upnp: true });
    assert.deepEqual(await askRouter(fake.link), {
      address: '192.168.1.1',
      protocols: ['PCP', 'NAT-PMP', 'UPnP'],
      outside: '203.0.113.5',
    });
    // PCP ANNOUNCE, NAT-PMP's address request, and reads by HTTP: none maps a port.
    assert.deepEqual(fake.requests.sort(), [
      '/control GetExternalIPAddress',
      '/description ',
      '5351 0000',
      '5351 0200',
    ]);
  });

  it('offers what it answers', async () => {
    for (const [offer, protocols, outside] of [
      [{}, [], undefined],
      [{ pmp: true }, ['NAT-PMP'], '203.0.113.5'],
      [{ upnp: true }, ['UPnP'], '203.0.113.6'],
      [{ pcp: true }, ['PCP'], undefined],
    ] as const) {
      const answer = await askRouter(gateway(offer).link);
      assert.deepEqual(answer, { address: '192.168.1.1', protocols, outside });
    }
  });

  it('offers nothing where its answers make no sense, or it ends the connection', async () => {
    const fake = gateway({ upnp: true });
    fake.datagram = () => hex('ffff');
    fake.http = () => {
      throw new Error('socket hang up');
    };
    assert.deepEqual((await askRouter(fake.link)).protocols, []);
  });
});
