import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createLab, type Lab, type LabHost, type LabProcess, until } from '../../src/lab/index.js';
import { instanceLabel } from '../../src/wire/dns-sd.js';
import { parsePublicKey } from '../../src/wire/key.js';
import { runCommand } from '../cli/run-command.js';
import { spawnCommand } from './our-programs.js';

/** The peers of wgsd's published example. */
const FIRST = {
  publicKey: 'xScVkH3fUGUv4RrJFfmcqm8rs3SEHr41km6+yffAHw4=',
  allowedIps: ['10.0.0.1/32'],
  endpoint: '2.2.2.2:41424',
};
const SECOND = {
  publicKey: 'syKB97XhGnvC+kynh2KqQJPXoOoOpx/HmpMRTc+r4js=',
  allowedIps: ['10.0.0.2/32', '10.0.9.0/24'],
  endpoint: '3.3.3.3:51820',
};
const FIRST_NAME =
  'yutrled535igkl7bdlerl6m4vjxsxm3uqqpl4nmsn27mt56ad4ha====._wireguard._udp.example.com.';
const SECOND_NAME =
  'wmrid55v4enhxqx2jstyoyvkicj5pihkb2tr7r42smiu3t5l4i5q====._wireguard._udp.example.com.';
const SERVICE = '_wireguard._udp.example.com.';

/** The registry, a peer with a tunnel to it, and a host that is no peer, all on one internet. */
type Names = 'reg' | 'a' | 'b';

describe('dns server, asked with dig', () => {
  let lab: Lab<Names>;

  before(async () => {
    lab = await createLab({ hosts: { reg: {}, a: { nat: 'cone' }, b: {} } });
    const registry = lab.host('reg').wireguard;
    await registry.setPeers([FIRST, SECOND]);
    await lab.host('a').wireguard.setPeer({
      publicKey: registry.publicKey,
      allowedIps: [`${registry.tunnelAddress}/32`],
      endpoint: `${lab.host('reg').address}:${registry.listenPort}`,
    });
    assert.equal(await lab.ping('a', 'reg', { timeoutMs: 10_000 }), true);
  });
  after(() => lab?.dispose());

  const start = async (...args: string[]): Promise<LabProcess> => {
    const reg = lab.host('reg');
    const zone = ['--zone', 'example.com', '--interface', reg.wireguard.interface];
    const server = spawnCommand(reg, 'dns', 'server', ...zone, ...args);
    await server.waitForOutput(/listening on/);
    return server;
  };
  const label = (host: LabHost) => instanceLabel(parsePublicKey(host.wireguard.publicKey));
  /** The lines of an answer, blanks as one. */
  const dig = async (host: LabHost, ...args: string[]): Promise<string[]> => {
    const options = ['+time=2', '+tries=1', '+noall', '+answer', '+additional'];
    const { stdout } = await host.outcome('dig', [...options, ...args]);
    return stdout
      .replace(/[ \t]+/g, ' ')
      .split('\n')
      .filter(Boolean);
  };

  it('gives the names and answers of the published example', async () => {
    await using server = await start('--public', '--listen', '127.0.0.1:5353');
    const at = ['@127.0.0.1', '-p', '5353'];
    const reg = lab.host('reg');
    const listed = await dig(reg, ...at, SERVICE, 'PTR');
    assert.deepEqual(
      listed.filter((line) => /yutr|wmri/.test(line)).sort(),
      [SECOND_NAME, FIRST_NAME].map((name) => `${SERVICE} 0 IN PTR ${name}`),
    );
    assert.equal(listed.length, 3, 'b has no endpoint and is not listed');
    assert.deepEqual(await dig(reg, ...at, FIRST_NAME, 'SRV'), [
      `${FIRST_NAME} 0 IN SRV 0 0 41424 ${FIRST_NAME}`,
      `${FIRST_NAME} 0 IN A 2.2.2.2`,
      `${FIRST_NAME} 0 IN TXT "txtvers=1" "pub=${FIRST.publicKey}" "allowed=10.0.0.1/32"`,
    ]);
    assert.deepEqual(await dig(reg, ...at, '+tcp', SECOND_NAME, 'A'), [
      `${SECOND_NAME} 0 IN A 3.3.3.3`,
    ]);
    assert.deepEqual(await dig(reg, ...at, SECOND_NAME, 'TXT'), [
      `${SECOND_NAME} 0 IN TXT "txtvers=1" "pub=${SECOND.publicKey}" "allowed=10.0.0.2/32,10.0.9.0/24"`,
    ]);
    for (const [name, { publicKey }] of [
      [FIRST_NAME, FIRST],
      [SECOND_NAME, SECOND],
    ] as const) {
      const base32 = `${name.split('.')[0]?.toUpperCase()}\n`;
      const raw = await reg.exec('sh', ['-c', 'base32 -d | base64'], { input: base32 });
      assert.equal(raw.trim(), publicKey);
    }
    const denied = await reg.exec('dig', [...at, `${label(lab.host('b'))}.${SERVICE}`, 'SRV']);
    assert.match(denied, /status: NXDOMAIN/);
    assert.match(
      denied,
      /AUTHORITY SECTION:\n\S+\s+60\s+IN\s+SOA\s+ns1\.example\.com\. postmaster/,
    );
    assert.match(await reg.exec('dig', [...at, 'example.org', 'SOA']), /status: REFUSED/);
    server.kill('SIGUSR1');
    await server.waitForOutput(/counts: answered 4, nodata 0, nxdomain 1, refused 1,/);
    assert.deepEqual(await server.stop(), { code: 0, signal: null });
  });

  it('signs with the key of `dns keygen`; delv validates the answers with the DS that it printed', async () => {
    const reg = lab.host('reg');
    const directory = mkdtempSync(join(tmpdir(), 'wg-rendezvous-dnssec-'));
    const [key, anchors] = [join(directory, 'key.pem'), join(directory, 'anchors')];
    const printed = await runCommand(['dns', 'keygen', '--zone', 'example.com', '--key', key]);
    const [, ds, digest] = /IN DS ([0-9 ]+) ([0-9A-F]+)$/m.exec(printed.stdout) ?? [];
    writeFileSync(anchors, `trust-anchors { "example.com" static-ds ${ds} "${digest}"; };\n`);
    await using _server = await start('--public', '--listen', '127.0.0.1:5353', '--dnssec', key);
    const at = ['@127.0.0.1', '-p', '5353'];
    const delv = async (...args: string[]) => {
      const options = ['-a', anchors, '+root=example.com', ...at, ...args];
      const { stdout, stderr } = await reg.outcome('delv', options);
      return stdout + stderr;
    };
    for (const how of ['+notcp', '+tcp']) {
      assert.match(await delv(how, FIRST_NAME, 'SRV'), /; fully validated\n.* 0 0 41424 yutrled/);
      const denied = /^; negative response, fully validated$.*: ncache nx(domain|rrset)$/ms;
      assert.match(await delv(how, FIRST_NAME.replace('y', 'x'), 'SRV'), denied);
      assert.match(await delv(how, '_udp.example.com', 'SRV'), denied);
    }
    const plain = ['example.com. 3600 IN DNSKEY'];
    const unsigned = await dig(reg, ...at, 'example.com', 'DNSKEY');
    assert.deepEqual(
      unsigned.map((line) => line.split(' ').slice(0, 4).join(' ')),
      plain,
    );
    rmSync(directory, { recursive: true });
  });

  it('answers over the tunnel with the endpoint of a peer as the registry sees it', async () => {
    await using _server = await start('--public', '--listen', '0.0.0.0:53', '--self');
    const [a, b, reg] = [lab.host('a'), lab.host('b'), lab.host('reg')];
    const at = `@${reg.wireguard.tunnelAddress}`;
    const name = `${label(a)}.${SERVICE}`;
    const seen = await reg.wireguard.endpointOf(a.wireguard.publicKey);
    assert.equal(seen?.address, a.gateways[0]?.addresses[4][0]);
    const answer = await dig(a, at, name, 'SRV');
    assert.deepEqual(answer.slice(0, 2), [
      `${name} 0 IN SRV 0 0 ${seen?.port} ${name}`,
      `${name} 0 IN A ${seen?.address}`,
    ]);
    const self = `${label(reg)}.${SERVICE}`;
    const { listenPort, tunnelAddress } = reg.wireguard;
    assert.deepEqual(await dig(a, at, '+noadditional', self, 'SRV'), [
      `${self} 0 IN SRV 0 0 ${listenPort} ${self}`,
    ]);
    assert.deepEqual(await dig(a, at, '+tcp', self, 'A'), [`${self} 0 IN A ${tunnelAddress}`]);
    assert.deepEqual(await dig(a, `@${reg.address}`, self, 'A'), [`${self} 0 IN A ${reg.address}`]);
    // Linux takes a packet for any of its addresses by whatever interface it comes (RFC 1122 3.3.4.2).
    await b.ip([`route replace ${tunnelAddress}/32 via ${reg.address} dev eth0 onlink`]);
    assert.deepEqual(await dig(b, at, self, 'A'), [`${self} 0 IN A ${tunnelAddress}`]);
  });

  it('answers by default only queries through the tunnel, and follows its interface', async () => {
    await using server = await start();
    const [a, b, reg] = [lab.host('a'), lab.host('b'), lab.host('reg')];
    const { tunnelAddress } = reg.wireguard;
    assert.equal(server.stdout.trim(), `listening on ${tunnelAddress}:53`);
    const ask = (host: LabHost, ...args: string[]) =>
      dig(host, `@${tunnelAddress}`, ...args, FIRST_NAME, 'A');
    const expected = [`${FIRST_NAME} 0 IN A 2.2.2.2`];
    assert.deepEqual(await ask(a), expected);
    assert.deepEqual(await ask(a, '+tcp'), expected);
    // As above, where b had its answer.
    await b.ip([`route replace ${tunnelAddress}/32 via ${reg.address} dev eth0 onlink`]);
    for (const address of [tunnelAddress, reg.address]) {
      for (const how of ['+notcp', '+tcp']) {
        const said = await dig(b, `@${address}`, how, '+time=1', FIRST_NAME, 'A');
        assert.match(said.join(), /timed out|refused|no servers/, `${address} ${how}`);
      }
    }
    const seen = await reg.wireguard.endpointOf(a.wireguard.publicKey);
    await reg.wireguard.remove();
    await until('it to say so', () => /not listening: there is no interface/.test(server.stderr));
    await reg.wireguard.create();
    await reg.wireguard.setPeer({
      publicKey: a.wireguard.publicKey,
      allowedIps: [`${a.wireguard.tunnelAddress}/32`],
      // So that it begins the new session, which a would do only when it misses answers.
      endpoint: `${seen?.address}:${seen?.port}`,
    });
    await until('it to listen again', () => server.stdout.split('listening on').length === 3);
    assert.equal(await lab.ping('reg', 'a', { timeoutMs: 10_000 }), true);
    assert.deepEqual(await ask(a), expected);
    assert.deepEqual(await ask(a, '+tcp'), expected);
  });
});
