import { decode, encode } from 'dns-packet';
import type { LabHost, LabProcess } from '../../lab/index.js';
import { DNS_PORT } from '../../wire/dns-message.js';
import { formatPublicKeyBase32, parsePublicKey } from '../../wire/key.js';
import { type ComparedLab, type FakePeer, fakePeers, type LoadedServer } from '../approach.js';
import { isInstalled } from '../requirements.js';
import type { Outcome, StrangerResult } from '../results.js';

/*
 * The measures of any registry that answers DNS-SD queries from WireGuard's state.
 */

export const ZONE = 'peers.test';

const SERVICE = `_wireguard._udp.${ZONE}`;
/** The number of peers that fit into one command line of `wg`. */
const PEERS_AT_ONCE = 500;
const FIRST_FAKE_PORT = 20_000;
const FAKE_PORTS = 40_000;

/** Adds these peers to the registry's WireGuard, with endpoints on its host. */
async function introduceToRegistry(
  peers: readonly FakePeer[],
  { rendezvous }: ComparedLab,
): Promise<void> {
  const options = peers.map(({ publicKey }, index) => ({
    publicKey,
    allowedIps: [`10.${201 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}/32`],
    endpoint: `${rendezvous.address}:${FIRST_FAKE_PORT + (index % FAKE_PORTS)}`,
  }));
  for (let start = 0; start < options.length; start += PEERS_AT_ONCE) {
    await rendezvous.wireguard.setPeers(options.slice(start, start + PEERS_AT_ONCE));
  }
}

/** Lists the peers and asks for the endpoint of host b, from outside the tunnels. */
export async function digAsStranger(
  stranger: LabHost,
  lab: ComparedLab,
  { port = DNS_PORT, note = '' } = {},
): Promise<Outcome<StrangerResult>> {
  if (!(await isInstalled('dig'))) {
    return { problem: 'dig is missing: apt-get install --no-install-recommends bind9-dnsutils' };
  }
  const address = lab.rendezvous.address;
  const dig = async (name: string, type: string): Promise<string> => {
    const how = ['+noall', '+answer', '+additional', '+tries=1', '+time=2'];
    const args = [`@${address}`, '-p', String(port), ...how, name, type];
    const { stdout } = await stranger.outcome('dig', args);
    // dig reports in a comment that no answer came.
    return stdout.replace(/^;.*$/gm, '').trim();
  };
  const listing = await dig(SERVICE, 'PTR');
  const answer = await dig(nameOf(lab.host('b').wireguard.publicKey), 'SRV');
  const peers = listing.split('\n').filter((line) => line.includes('PTR')).length;
  const disclosed = answer.includes('SRV');
  const ports = port === DNS_PORT ? '' : ` -p ${port}`;
  return {
    asked: `dig @${address}${ports} ${SERVICE} PTR, and SRV of the key of b${note}`,
    answer: disclosed ? `${peers} keys; b: ${endpointIn(answer)}` : 'no answer',
    endpointsDisclosed: disclosed,
  };
}

/**
 * Adds peers to the registry, starts it, and describes its load: SRV queries for one peer after another.
 */
export async function loadedRegistry(
  lab: ComparedLab,
  count: number,
  startServer: (lab: ComparedLab) => Promise<LabProcess>,
): Promise<LoadedServer> {
  const peers = fakePeers(count);
  await introduceToRegistry(peers, lab);
  return {
    process: await startServer(lab),
    port: DNS_PORT,
    script: { requests: peers.map(({ publicKey }, index) => srvQuery(publicKey, index)) },
    isCorrect: ({ sample }) =>
      sample !== null && decode(Buffer.from(sample, 'base64')).answers?.[0]?.type === 'SRV',
  };
}

function nameOf(publicKey: string): string {
  return `${formatPublicKeyBase32(parsePublicKey(publicKey)).toLowerCase()}.${SERVICE}`;
}

function srvQuery(publicKey: string, id: number): string {
  const questions = [{ type: 'SRV', name: nameOf(publicKey) } as const];
  return encode({ type: 'query', id: id & 0xffff, questions }).toString('base64');
}

/** Address and port in dig's output of an SRV record and its A or AAAA record. */
function endpointIn(text: string): string {
  const port = /\sSRV\s+\d+\s+\d+\s+(\d+)/.exec(text)?.[1];
  const address = /\s(?:A|AAAA)\s+(\S+)$/m.exec(text)?.[1];
  return `${address}:${port}`;
}
