import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PortMapping } from '../../../src/client/paths/port-mapping.js';
import { encodePcpMapRequest } from '../../../src/wire/port-control.js';
import { mappingService, searchLocation } from '../../../src/wire/upnp.js';
import { FakeGateway, GATEWAY } from './fake-gateway.js';

const DEVICE = { interfaceName: 'wg0', listenPort: 51_820, fwmark: 0 };
const OUTSIDE = '203.0.113.5';

/** A PCP reply that grants a request. */
function granted(message: Uint8Array, address = OUTSIDE, lifetimeSeconds = 3600): Uint8Array {
  const nonce = message.slice(24, 36);
  const reply = encodePcpMapRequest({ client: '0.0.0.0', nonce, port: 51_820, lifetimeSeconds });
  reply[1] = 0x81;
  reply.set(address.split('.').map(Number), 56);
  return reply;
}

function isPcp(message: Uint8Array): boolean {
  return message[0] === 2;
}

function setUp(gateway: FakeGateway) {
  const reports: (string | undefined)[] = [];
  let changes = 0;
  const mapping = new PortMapping({
    changed: () => {
      changes++;
    },
    report: (problem) => reports.push(problem),
    findGateway: () => GATEWAY,
    openLink: () => gateway.link,
  });
  /** Works at a time, and lets what it began come to an end. */
  const work = async (now: number) => {
    mapping.work(DEVICE, now);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { mapping, reports, work, changes: () => changes };
}

const DESCRIPTION = `<root><device><serviceList>
  <service><serviceType>urn:schemas-upnp-org:service:Layer3Forwarding:1</serviceType>
  <controlURL>/no</controlURL></service>
  <service><serviceType>urn:schemas-upnp-org:service:WANIPConnection:1</serviceType>
  <controlURL>/ctl?a=1&amp;b=2</controlURL></service></serviceList></device></root>`;

describe('PortMapping', () => {
  it('maps by PCP, renews after half of the time, and deletes at the end', async () => {
    const gateway = new FakeGateway();
    gateway.datagram = (message) => (isPcp(message) ? granted(message) : undefined);
    const { mapping, work, changes } = setUp(gateway);
    await work(0);
    assert.deepEqual(mapping.candidate(OUTSIDE), { address: OUTSIDE, port: 51_820, family: 4 });
    assert.equal(mapping.mapping?.protocol, 'PCP');
    await work(1_799_000);
    assert.deepEqual(gateway.requests, ['5351 0201']);
    await work(1_800_000);
    assert.deepEqual(gateway.requests, ['5351 0201', '5351 0201']);
    assert.equal(changes(), 1);
    let lifetime: number | undefined;
    gateway.datagram = (message) => {
      lifetime = new DataView(message.buffer).getUint32(4);
      return granted(message, OUTSIDE, 0);
    };
    await mapping.close();
    assert.equal(lifetime, 0);
    assert.equal(mapping.candidate(OUTSIDE), undefined);
  });

  it('falls back to NAT-PMP where the gateway answers in its version', async () => {
    const gateway = new FakeGateway();
    gateway.datagram = (message) => {
      if (isPcp(message)) {
        return Uint8Array.of(0, 0x81, 0, 1, 0, 0, 0, 0);
      }
      return message[1] === 0
        ? Uint8Array.of(0, 128, 0, 0, 0, 0, 0, 1, 203, 0, 113, 5)
        : Uint8Array.of(0, 129, 0, 0, 0, 0, 0, 1, 0xca, 0x6c, 0x10, 0x00, 0, 0, 0x0e, 0x10);
    };
    const { mapping, work } = setUp(gateway);
    await work(0);
    assert.deepEqual(mapping.candidate(OUTSIDE), { address: OUTSIDE, port: 4096, family: 4 });
  });

  it('falls back to UPnP, takes another port for one in use and a lease without end', async () => {
    const gateway = new FakeGateway();
    gateway.location = 'http://192.168.1.1:5000/rootDesc.xml';
    const ports: string[] = [];
    gateway.http = (url, body = '') => {
      if (url.pathname === '/rootDesc.xml') {
        return { status: 200, body: DESCRIPTION };
      }
      assert.equal(url.href, 'http://192.168.1.1:5000/ctl?a=1&b=2');
      if (body.includes('GetExternalIPAddress')) {
        const answer = `<NewExternalIPAddress>${OUTSIDE}</NewExternalIPAddress>`;
        return { status: 200, body: answer };
      }
      ports.push(/<NewExternalPort>(\d+)/.exec(body)?.[1] ?? '');
      const isFree = ports.length > 1;
      const hasLease = !body.includes('<NewLeaseDuration>0<');
      const code = isFree ? (hasLease ? 725 : 0) : 718;
      return code === 0
        ? { status: 200, body: '' }
        : { status: 500, body: `<errorCode>${code}</errorCode>` };
    };
    const { mapping, work, reports } = setUp(gateway);
    await work(0);
    assert.deepEqual(reports, []);
    const [first, second, third] = ports;
    assert.ok(first === '51820' && second !== first && third === second);
    assert.equal(mapping.candidate(OUTSIDE)?.port, Number(second));
    await mapping.close();
    assert.equal(gateway.requests.at(-1), '/ctl DeletePortMapping');
  });

  it('does not use a mapping behind a second NAT, or at another address, and says so', async () => {
    for (const [address, why] of [
      ['192.168.100.2', /behind another NAT/],
      ['203.0.113.99', /is another one/],
    ] as const) {
      const gateway = new FakeGateway();
      gateway.datagram = (message) => granted(message, address);
      const { mapping, work, reports } = setUp(gateway);
      await work(0);
      assert.equal(mapping.candidate(undefined), undefined);
      assert.deepEqual(reports, []);
      assert.equal(mapping.candidate(OUTSIDE), undefined);
      assert.match(reports[0] ?? '', why);
    }
  });

  it('reports a gateway that answers garbage in one line, and asks again ever later', async () => {
    const replies: readonly ((message: Uint8Array) => Uint8Array)[] = [
      () => Uint8Array.of(2, 0x81, 0, 8),
      (message) => granted(message, '0.0.0.0'),
      (message) => granted(message, '255.255.255.255'),
      (message) => granted(message, OUTSIDE, 1),
      () => Uint8Array.of(2, 0x81, 0, 8, ...new Uint8Array(56)),
    ];
    for (const reply of replies) {
      const gateway = new FakeGateway();
      gateway.datagram = (message) => (isPcp(message) ? reply(message) : undefined);
      const { mapping, work } = setUp(gateway);
      await work(0);
      assert.equal(mapping.mapping, undefined);
      assert.equal(mapping.nextAt, 30_000);
      const asked = gateway.requests.length;
      await work(59_000);
      assert.equal(gateway.requests.length, asked);
      await work(60_000);
      assert.ok(gateway.requests.length > asked);
    }
  });

  it('survives descriptions and answers that make no sense', async () => {
    const bodies = [
      '',
      '<service>',
      '<service>'.repeat(7000),
      `${'<a>'.repeat(20_000)}`,
      '\0\x1b[2J',
    ];
    for (const body of bodies) {
      const gateway = new FakeGateway();
      gateway.location = 'http://192.168.1.1:5000/x';
      gateway.http = () => ({ status: 200, body });
      const { mapping, work, reports } = setUp(gateway);
      await work(0);
      assert.equal(mapping.mapping, undefined);
      assert.equal(reports.length, 1);
      assert.match(reports[0] ?? '', /^[\x20-\x7e]{1,300}$/);
    }
  });

  it('talks to the gateway only, whatever its description says', async () => {
    for (const [location, controlUrl] of [
      ['http://10.0.0.1:80/x', '/ctl'],
      ['https://192.168.1.1/x', '/ctl'],
      ['file:///etc/passwd', '/ctl'],
      ['http://user:secret@192.168.1.1/x', '/ctl'],
      ['http://192.168.1.1.example.com/x', '/ctl'],
      ['http://192.168.1.1/x', 'http://169.254.169.254/latest'],
      ['http://192.168.1.1/x', '//10.0.0.1/ctl'],
    ] as const) {
      const gateway = new FakeGateway();
      gateway.location = location;
      const hosts: string[] = [];
      gateway.http = (url) => {
        hosts.push(url.hostname);
        return { status: 200, body: DESCRIPTION.replace('/ctl?a=1&amp;b=2', controlUrl) };
      };
      const { mapping, work } = setUp(gateway);
      await work(0);
      assert.equal(mapping.mapping, undefined);
      assert.ok(hosts.every((host) => host === GATEWAY.address));
    }
  });

  it('asks nobody without a gateway, or with one behind the tunnel', async () => {
    const gateway = new FakeGateway();
    for (const found of [undefined, { ...GATEWAY, interfaceName: 'wg0' }]) {
      const mapping = new PortMapping({
        changed() {},
        report() {},
        findGateway: () => found,
        openLink: () => gateway.link,
      });
      mapping.work(DEVICE, 0);
      assert.equal(mapping.nextAt, 30_000);
    }
    assert.deepEqual(gateway.requests, []);
  });
});

describe('UPnP texts', () => {
  it('have the location of a search response', () => {
    const response = (status: string, ...headers: string[]) =>
      [status, ...headers, '', ''].join('\r\n');
    const url = 'http://192.168.1.1:5000/rootDesc.xml';
    assert.equal(searchLocation(response('HTTP/1.1 200 OK', 'ST: x', `LOCATION: ${url}`)), url);
    assert.equal(searchLocation(response('HTTP/1.1 404 No', `LOCATION: ${url}`)), undefined);
    assert.equal(searchLocation('NOTIFY * HTTP/1.1\r\n'), undefined);
    assert.equal(searchLocation(''), undefined);
  });

  it('have the best service of a description', () => {
    assert.deepEqual(mappingService(DESCRIPTION), {
      type: 'urn:schemas-upnp-org:service:WANIPConnection:1',
      controlUrl: '/ctl?a=1&b=2',
    });
  });
});
