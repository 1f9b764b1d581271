import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Answer } from 'dns-packet';
import { OnlineSigner } from '../../src/dns/dnssec/online-signer.js';
import { ZoneKey } from '../../src/dns/dnssec/zone-key.js';
import type { Signer } from '../../src/dns/signer.js';
import { type CommandResult, outcome } from '../../src/lab/command.js';
import { LoopbackRegistry } from './loopback-registry.js';

type Question = readonly [name: string, type: string];

const ZONE = 'example.com';
const SERVICE = `_wireguard._udp.${ZONE}`;
/** A zone within the one that delv trusts the key of. */
const INNER = `vpn.${ZONE}`;
/** The published example of wgsd. */
const [PEER, OTHER] = [
  'yutrled535igkl7bdlerl6m4vjxsxm3uqqpl4nmsn27mt56ad4ha====',
  'wmrid55v4enhxqx2jstyoyvkicj5pihkb2tr7r42smiu3t5l4i5q====',
].map((label) => `${label}.${SERVICE}`) as [string, string];
const PEERS = {
  'xScVkH3fUGUv4RrJFfmcqm8rs3SEHr41km6+yffAHw4=': '2.2.2.2:41424',
  'syKB97XhGnvC+kynh2KqQJPXoOoOpx/HmpMRTc+r4js=': '[2001:db8::3]:51820',
};

const directory = mkdtempSync(join(tmpdir(), 'wg-rendezvous-delv-'));
const key = newKey();
const anchors = anchorFile();
let registry: LoopbackRegistry;

before(async () => {
  registry = await LoopbackRegistry.start([ZONE, INNER], PEERS, new OnlineSigner(key, Date.now));
});

after(async () => {
  await registry[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
});

function newKey(): ZoneKey {
  return new ZoneKey(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
}

/** A file that trusts the DS record that is printed of the key. */
function anchorFile(): string {
  const [, ds = ''] = key.presentation(ZONE);
  const [tag, algorithm, type, digest] = ds.split(' ').slice(3);
  const anchor = `"${ZONE}" static-ds ${tag} ${algorithm} ${type} "${digest}"`;
  const path = join(directory, 'anchors');
  writeFileSync(path, `trust-anchors { ${anchor}; };\n`);
  return path;
}

async function delv(
  [name, type]: Question,
  { transport = '+notcp', port = registry.port } = {},
): Promise<CommandResult> {
  const args = ['@127.0.0.1', '-p', String(port), '-a', anchors, `+root=${ZONE}`, transport];
  return outcome('delv', [...args, name, type]);
}

for (const transport of ['+notcp', '+tcp']) {
  test(`delv validates every set of records, ${transport}`, async () => {
    for (const [name, type, data] of [
      [ZONE, 'SOA', `ns1.${ZONE}. postmaster`],
      [ZONE, 'NS', `ns1.${ZONE}.`],
      [ZONE, 'DNSKEY', '257 3 13'],
      [`ns1.${ZONE}`, 'A', '127.0.0.1'],
      [SERVICE, 'PTR', PEER],
      [SERVICE, 'PTR', OTHER],
      [PEER, 'SRV', `0 0 41424 ${PEER}.`],
      [PEER.toUpperCase(), 'A', '2.2.2.2'],
      [PEER, 'TXT', '"txtvers=1" "pub=xScVkH3fUGUv4RrJFfmcqm8rs3SEHr41km6+yffAHw4="'],
      [OTHER, 'AAAA', '2001:db8::3'],
      [INNER, 'DS', '13 2 '],
      [INNER, 'NS', `ns1.${INNER}.`],
      [PEER.replace(ZONE, INNER), 'A', '2.2.2.2'],
      [OTHER, 'NSEC', `\\000.${OTHER}. TXT AAAA SRV RRSIG NSEC`],
    ] as const) {
      const { stdout, stderr } = await delv([name, type], { transport });
      assert.match(stdout, /^; fully validated$/m, `${name} ${type}: ${stdout}${stderr}`);
      assert.ok(stdout.includes(data), stdout);
    }
  });

  test(`delv validates that a name or a type does not exist, ${transport}`, async () => {
    for (const [name, type, code] of [
      [`www.${ZONE}`, 'A', 'ncache nxdomain'],
      [`a.b.c.${ZONE}`, 'SRV', 'ncache nxdomain'],
      [`*.${ZONE}`, 'A', 'ncache nxdomain'],
      [`x._udp.${ZONE}`, 'A', 'ncache nxdomain'],
      [PEER.replace(/^y/, 'z'), 'SRV', 'ncache nxdomain'],
      [PEER.replace('====', '==='), 'SRV', 'ncache nxdomain'],
      [`x.${PEER}`, 'SRV', 'ncache nxdomain'],
      [`\\000.${PEER}`, 'SRV', 'ncache nxdomain'],
      [`\\255\\010\\046.${SERVICE}`, 'SRV', 'ncache nxdomain'],
      [`${'a'.repeat(63)}.${SERVICE}`, 'SRV', 'ncache nxdomain'],
      [`x.${INNER}`, 'A', 'ncache nxdomain'],
      [`vpn\\000.${ZONE}`, 'A', 'ncache nxdomain'],
      [INNER, 'MX', 'ncache nxrrset'],
      [ZONE, 'MX', 'ncache nxrrset'],
      [`_udp.${ZONE}`, 'PTR', 'ncache nxrrset'],
      [SERVICE, 'SRV', 'ncache nxrrset'],
      [PEER, 'AAAA', 'ncache nxrrset'],
      [PEER, 'TYPE65280', 'ncache nxrrset'],
    ] as const) {
      const { stdout, stderr } = await delv([name, type], { transport });
      assert.match(
        stdout,
        /^; negative response, fully validated$/m,
        `${name} ${type}: ${stdout}${stderr}`,
      );
      assert.ok(stderr.includes(`resolution failed: ${code}`), stderr);
    }
  });
}

/** A signer that signs wrongly. */
function altered(alter: (signer: Signer) => Signer['sign']): Signer {
  const signer = new OnlineSigner(key, Date.now);
  return {
    reply: signer.reply.bind(signer),
    sign: alter(signer),
    hasTooManyDenials: () => false,
  };
}

const WRONG: Readonly<Record<string, { signer: Signer; questions: Question[] }>> = {
  'what another key signed': {
    signer: new OnlineSigner(newKey(), Date.now),
    questions: [
      [PEER, 'SRV'],
      [`www.${ZONE}`, 'A'],
      [PEER, 'AAAA'],
    ],
  },
  'a signature of yesterday': {
    signer: new OnlineSigner(key, () => Date.now() - 86_400_000),
    questions: [
      [PEER, 'SRV'],
      [`www.${ZONE}`, 'A'],
    ],
  },
  'an address that was changed after it was signed': {
    signer: altered((signer) => (reply, question, zone) => {
      const signed = signer.sign(reply, question, zone);
      const forge = (it: Answer): Answer => (it.type === 'A' ? { ...it, data: '6.6.6.6' } : it);
      return { ...signed, answers: signed.answers.map(forge) };
    }),
    questions: [[PEER, 'A']],
  },
  'a denial without a signature': {
    signer: altered((signer) => (reply, question, zone) => {
      return reply.answers.length > 0 ? signer.sign(reply, question, zone) : reply;
    }),
    questions: [
      [`www.${ZONE}`, 'A'],
      [PEER, 'AAAA'],
    ],
  },
};

for (const [what, { signer, questions }] of Object.entries(WRONG)) {
  test(`delv refuses ${what}`, async () => {
    await using wrong = await LoopbackRegistry.start([ZONE], PEERS, signer);
    for (const question of questions) {
      const { stdout, stderr } = await delv(question, { port: wrong.port });
      assert.doesNotMatch(stdout, /fully validated/);
      assert.match(stderr, /resolution failed: (?!ncache)/);
    }
  });
}
