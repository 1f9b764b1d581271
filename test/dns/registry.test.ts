import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { instanceLabel } from '../../src/wire/dns-sd.js';
import { parseEndpoint } from '../../src/wire/endpoint.js';
import {
  device,
  EXAMPLE,
  FIRST,
  FIRST_NAME,
  line,
  numberedKey,
  peer,
  Registry,
  rcodeOf,
  SECOND,
  SECOND_NAME,
  SERVICE,
} from './asking.js';

const SOA = 'example.com 60 SOA ns1.example.com postmaster.example.com 1 86400 7200 3600000 60';
const SELF_NAME = `${instanceLabel(numberedKey(99))}.${SERVICE}`;

describe('the registry answers what wgsd answers', () => {
  const registry = new Registry();
  const TXT = {
    first: `${FIRST_NAME} 0 TXT "txtvers=1" "pub=${FIRST.key}" "allowed=10.0.0.1/32"`,
    second: `${SECOND_NAME} 0 TXT "txtvers=1" "pub=${SECOND.key}" "allowed=10.0.0.2/32,10.0.9.0/24"`,
  };

  for (const [name, type, answers, additionals] of [
    [SERVICE, 'PTR', [FIRST_NAME, SECOND_NAME].map((target) => `${SERVICE} 0 PTR ${target}`), []],
    [
      FIRST_NAME,
      'SRV',
      [`${FIRST_NAME} 0 SRV 0 0 41424 ${FIRST_NAME}`],
      [`${FIRST_NAME} 0 A 2.2.2.2`, TXT.first],
    ],
    [
      SECOND_NAME,
      'SRV',
      [`${SECOND_NAME} 0 SRV 0 0 51820 ${SECOND_NAME}`],
      [`${SECOND_NAME} 0 AAAA 2001:db8::3`, TXT.second],
    ],
    [FIRST_NAME, 'A', [`${FIRST_NAME} 0 A 2.2.2.2`], []],
    [SECOND_NAME, 'AAAA', [`${SECOND_NAME} 0 AAAA 2001:db8::3`], []],
    [SECOND_NAME, 'TXT', [TXT.second], []],
    ['example.com', 'SOA', [SOA], []],
    ['example.com', 'NS', ['example.com 60 NS ns1.example.com'], []],
  ] as const) {
    it(`${type} of ${name}`, () => {
      const reply = registry.ask(name, type);
      assert.equal(rcodeOf(reply), 'NOERROR');
      assert.equal(reply.flag_aa, true);
      assert.equal(reply.flag_tc, false);
      assert.deepEqual(reply.answers?.map(line), answers);
      assert.deepEqual(reply.additionals?.map(line), additionals);
      assert.deepEqual(reply.authorities, []);
    });
  }

  it('ANY gets one set of records, not all (RFC 8482)', () => {
    assert.deepEqual(
      registry.ask(FIRST_NAME, 'ANY').answers?.map(({ type }) => type),
      ['SRV'],
    );
    assert.equal(registry.ask(SERVICE, 'ANY').answers?.length, 2);
    assert.deepEqual(registry.ask('example.com', 'ANY').answers?.map(line), [SOA]);
  });

  it('compares names without case, and returns the question unchanged', () => {
    for (const name of [FIRST_NAME.toUpperCase(), FIRST_NAME.replace('yutr', 'YutR')]) {
      const reply = registry.ask(name, 'SRV');
      assert.equal(reply.questions?.[0]?.name, name);
      assert.deepEqual(reply.answers?.map(line), [`${name} 0 SRV 0 0 41424 ${FIRST_NAME}`]);
      assert.equal(reply.additionals?.[0]?.name, name);
    }
  });
});

describe('the registry denies', () => {
  const registry = new Registry();

  for (const [what, name, type, rcode] of [
    ['a peer without endpoint', `${instanceLabel(numberedKey(3))}.${SERVICE}`, 'SRV', 'NXDOMAIN'],
    ['a key without its padding', FIRST_NAME.replace('====', ''), 'SRV', 'NXDOMAIN'],
    ['a key with stray bits at its end', FIRST_NAME.replace('ha====', 'hb===='), 'A', 'NXDOMAIN'],
    ['what is below a peer', `x.${FIRST_NAME}`, 'A', 'NXDOMAIN'],
    ['what is no key', `nobody.${SERVICE}`, 'TXT', 'NXDOMAIN'],
    ['another service', '_other._udp.example.com', 'PTR', 'NXDOMAIN'],
    ['a key at the wrong place', `${FIRST.label}.example.com`, 'A', 'NXDOMAIN'],
    ['AAAA of a peer with IPv4', FIRST_NAME, 'AAAA', 'NOERROR'],
    ['A of a peer with IPv6', SECOND_NAME, 'A', 'NOERROR'],
    ['MX of a peer', FIRST_NAME, 'MX', 'NOERROR'],
    ['A of the list', SERVICE, 'A', 'NOERROR'],
    ['PTR of the protocol, below which names are', '_udp.example.com', 'PTR', 'NOERROR'],
    ['A of the apex', 'example.com', 'A', 'NOERROR'],
  ] as const) {
    it(`${what}: ${rcode} with the SOA`, () => {
      const reply = registry.ask(name, type);
      assert.equal(rcodeOf(reply), rcode);
      assert.equal(reply.flag_aa, true);
      assert.deepEqual(reply.answers, []);
      assert.deepEqual(reply.authorities?.map(line), [SOA]);
    });
  }

  it('a denial made for one name is right for others of its length', () => {
    for (const name of ['postmaster', 'postmastex', 'ns1.ns1.ns', 'x.y.z.ns1x']) {
      const reply = registry.ask(`${name}.example.com`, 'A');
      assert.deepEqual(reply.authorities?.map(line), [SOA], name);
    }
  });

  it('refuses names outside its zones', () => {
    for (const name of ['.', 'com', 'example.org', 'notexample.com', 'example.com.evil.org']) {
      const reply = registry.ask(name, 'SOA');
      assert.equal(rcodeOf(reply), 'REFUSED', name);
      assert.equal(reply.flag_aa, false);
      assert.equal(reply.questions?.[0]?.name, name);
    }
    for (const type of ['AXFR', 'IXFR']) {
      assert.equal(rcodeOf(registry.ask('example.com', type)), 'REFUSED');
    }
  });

  it('gives an empty list, without an error, while no peer has an endpoint', () => {
    const reply = new Registry(device([peer(1, undefined)])).ask(SERVICE, 'PTR');
    assert.equal(rcodeOf(reply), 'NOERROR');
    assert.deepEqual(reply.answers, []);
    assert.deepEqual(reply.authorities?.map(line), [SOA]);
  });

  it('answers SERVFAIL while the device cannot be read, and answers again after', () => {
    const broken = new Registry();
    broken.roster.update(undefined);
    assert.equal(rcodeOf(broken.ask(FIRST_NAME, 'SRV')), 'SERVFAIL');
    assert.equal(rcodeOf(broken.ask('example.org', 'SRV')), 'REFUSED');
    broken.roster.update(EXAMPLE);
    assert.equal(broken.ask(FIRST_NAME, 'SRV').answers?.length, 1);
  });
});

describe('the own device', () => {
  const local = '192.0.2.7';

  it('is not served unless asked for', () => {
    assert.equal(rcodeOf(new Registry().ask(SELF_NAME, 'SRV', { local })), 'NXDOMAIN');
  });

  it('is where the query was sent to, with the listen port', () => {
    const registry = new Registry(EXAMPLE, [{ name: 'example.com', self: { allowedIps: [] } }]);
    const reply = registry.ask(SELF_NAME, 'SRV', { local });
    assert.deepEqual(reply.answers?.map(line), [`${SELF_NAME} 0 SRV 0 0 51820 ${SELF_NAME}`]);
    assert.equal(line(reply.additionals?.[0] as never), `${SELF_NAME} 0 A ${local}`);
    const other = registry.ask(SELF_NAME, 'AAAA', { local: '2001:db8::7' });
    assert.deepEqual(other.answers?.map(line), [`${SELF_NAME} 0 AAAA 2001:db8::7`]);
    const listed = registry.ask(SERVICE, 'PTR', { local }).answers?.map(line);
    assert.equal(listed?.at(-1), `${SERVICE} 0 PTR ${SELF_NAME}`);
    assert.equal(rcodeOf(registry.ask(SELF_NAME, 'SRV', { local: undefined })), 'NXDOMAIN');
  });

  it('is at the given endpoint, with the given AllowedIPs', () => {
    const self = { endpoint: parseEndpoint('203.0.113.9:4500'), allowedIps: ['10.0.0.0/24'] };
    const reply = new Registry(EXAMPLE, [{ name: 'example.com', self }]).ask(SELF_NAME, 'SRV');
    assert.deepEqual(reply.answers?.map(line), [`${SELF_NAME} 0 SRV 0 0 4500 ${SELF_NAME}`]);
    assert.match(line(reply.additionals?.[1] as never), /"allowed=10\.0\.0\.0\/24"$/);
  });

  it('gives the name server that address', () => {
    const registry = new Registry();
    assert.deepEqual(registry.ask('ns1.example.com', 'A', { local }).answers?.map(line), [
      `ns1.example.com 0 A ${local}`,
    ]);
    assert.equal(registry.ask('ns1.example.com', 'AAAA', { local }).answers?.length, 0);
  });
});

describe('several zones', () => {
  it('answers each for itself, the innermost first', () => {
    const registry = new Registry(EXAMPLE, [{ name: 'example.com' }, { name: 'vpn.example.com' }]);
    const name = `${FIRST.label}._wireguard._udp.vpn.example.com`;
    assert.deepEqual(registry.ask(name, 'A').answers?.map(line), [`${name} 0 A 2.2.2.2`]);
    assert.equal(registry.ask('x.vpn.example.com', 'A').authorities?.[0]?.name, 'vpn.example.com');
    assert.equal(registry.ask('x.example.com', 'A').authorities?.[0]?.name, 'example.com');
    assert.equal(registry.ask(FIRST_NAME, 'A').answers?.length, 1);
  });

  it('a DS query at the apex of a zone is for the zone around it', () => {
    const registry = new Registry(EXAMPLE, [{ name: 'vpn.example.com' }, { name: 'example.com' }]);
    for (const [name, type, zone] of [
      ['vpn.example.com', 'DS', 'example.com'],
      ['VPN.example.com', 'DS', 'example.com'],
      ['example.com', 'DS', 'example.com'],
      ['x.vpn.example.com', 'DS', 'vpn.example.com'],
      ['vpn.example.com', 'A', 'vpn.example.com'],
    ] as const) {
      assert.equal(registry.ask(name, type).authorities?.[0]?.name, zone, `${name} ${type}`);
    }
  });

  it('a name between a zone and one within it exists', () => {
    const names = ['example.com', 'b.vpn.example.com', `b.x.${SERVICE}`];
    const registry = new Registry(
      EXAMPLE,
      names.map((name) => ({ name })),
    );
    for (const [name, rcode] of [
      ['vpn.example.com', 'NOERROR'],
      ['b.vpn.example.com', 'NOERROR'],
      [`x.${SERVICE}`, 'NOERROR'],
      [`y.${SERVICE}`, 'NXDOMAIN'],
      ['pn.example.com', 'NXDOMAIN'],
      ['x.vpn.example.com', 'NXDOMAIN'],
      ['x.b.vpn.example.com', 'NXDOMAIN'],
    ] as const) {
      const reply = registry.ask(name, 'A');
      assert.equal(rcodeOf(reply), rcode, name);
      assert.equal(reply.authorities?.length, 1);
    }
  });
});

describe('readings of the device', () => {
  it('an endpoint that moves, a peer that goes, and one that comes are answered so', () => {
    const registry = new Registry();
    registry.roster.update(device([peer(FIRST.key, '9.9.9.9:9'), peer(4, '4.4.4.4:4')]));
    assert.deepEqual(registry.ask(FIRST_NAME, 'A').answers?.map(line), [
      `${FIRST_NAME} 0 A 9.9.9.9`,
    ]);
    assert.equal(rcodeOf(registry.ask(SECOND_NAME, 'A')), 'NXDOMAIN');
    assert.equal(registry.ask(SERVICE, 'PTR').answers?.length, 2);
    registry.roster.update(device([peer(FIRST.key, undefined), peer(4, '4.4.4.4:4')]));
    assert.equal(rcodeOf(registry.ask(FIRST_NAME, 'A')), 'NXDOMAIN');
    assert.equal(registry.ask(SERVICE, 'PTR').answers?.length, 1);
  });

  it('changes of AllowedIPs show', () => {
    const registry = new Registry();
    registry.ask(FIRST_NAME, 'TXT');
    registry.roster.update(
      device([peer(FIRST.key, '2.2.2.2:41424', ['10.7.7.7/32', 'fd00::/64'])]),
    );
    assert.match(
      line(registry.ask(FIRST_NAME, 'TXT').answers?.[0] as never),
      /"allowed=10\.7\.7\.7\/32,fd00::\/64"$/,
    );
  });

  it('AllowedIPs that do not fit in a string are left out, whole', () => {
    const many = Array.from({ length: 100 }, (_, i) => `10.100.${i}.0/24`);
    const registry = new Registry(device([peer(FIRST.key, '2.2.2.2:41424', many)]));
    const [record] = registry.ask(FIRST_NAME, 'TXT').answers as { data: Buffer[] }[];
    const data = record?.data ?? [];
    const told = String(data[2]).replace('allowed=', '').split(',');
    assert.ok((data[2]?.length ?? 0) > 240);
    assert.deepEqual(told, many.slice(0, told.length));
  });
});
