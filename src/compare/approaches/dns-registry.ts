import { decode, encode } from 'dns-packet';
import type { LabHost, LabProcess } from '../../lab/index.js';
import { formatPublicKeyBase32, parsePublicKey } from '../../wire/key.js';
import type { AgentStarter } from '../agents/agent.js';
import type { ComparedLab, Crowd, FakePeer } from '../approach.js';
import { fakePeers } from '../fake-peers.js';
import { isInstalled } from '../requirements.js';
import type { Outcome, RateResult, StrangerResult } from '../results.js';
import { measureLoad, rateOf } from './load-measure.js';

/*
 * What the comparison does to any registry that answers DNS-SD queries from WireGuard's state.
 */

export const ZONE = 'peers.test';
export const DNS_PORT = 53;

const SERVICE = `_wireguard._udp.${ZONE}`;
/** As many as fit into one command line of `wg`. */
const PEERS_AT_ONCE = 500;
const FIRST_FAKE_PORT = 20_000;
const FAKE_PORTS = 40_000;

/** Gives the registry's WireGuard these peers, with endpoints on a host. */
export async function introduceToRegistry(
  peers: readonly FakePeer[],
  { lab, host }: Pick<Crowd, 'lab' | 'host'>,
): Promise<void> {
  const options = peers.map(({ publicKey }, index) => ({
    publicKey,
    allowedIps: [`10.${201 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}/32`],
    endpoint: `${host.address}:${FIRST_FAKE_PORT + (index % FAKE_PORTS)}`,
  }));
  for (let start = 0; start < options.length; start += PEERS_AT_ONCE) {
    await lab.rendezvous.wireguard.setPeers(options.slice(start, start + PEERS_AT_ONCE));
  }
}

/** Lists the peers, and asks where host b is, from outside every tunnel. */
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
    // dig's own comments say that nobody answered.
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

/** Requests a second: SRV of one peer after the other, on 127.0.0.1 of a registry that has started. */
export async function measureDnsRate(
  agents: AgentStarter,
  { rendezvous }: ComparedLab,
  server: LabProcess,
  peers: readonly FakePeer[],
  seconds: number,
): Promise<RateResult> {
  const requests = peers.map(({ publicKey }, index) => srvQuery(publicKey, index));
  const job = { port: DNS_PORT, talk: { requests }, seconds };
  const report = await measureLoad(agents, rendezvous, server, job);
  const { sample } = report;
  const answer = sample === null ? undefined : decode(Buffer.from(sample, 'base64'));
  if (answer?.answers?.[0]?.type !== 'SRV') {
    throw new Error(`no SRV record in the answer: ${JSON.stringify(answer ?? null)}`);
  }
  return rateOf(report);
}

/** A registry's peers for the measurement of its rate. */
export async function crowdedRegistry(lab: ComparedLab, count: number): Promise<FakePeer[]> {
  const peers = fakePeers(count);
  await introduceToRegistry(peers, { lab, host: lab.rendezvous });
  return peers;
}

function nameOf(publicKey: string): string {
  return `${formatPublicKeyBase32(parsePublicKey(publicKey)).toLowerCase()}.${SERVICE}`;
}

function srvQuery(publicKey: string, id: number): string {
  const questions = [{ type: 'SRV', name: nameOf(publicKey) } as const];
  return encode({ type: 'query', id: id & 0xffff, questions }).toString('base64');
}

/** Address and port in what dig prints of an SRV record and its A or AAAA record. */
function endpointIn(text: string): string {
  const port = /\sSRV\s+\d+\s+\d+\s+(\d+)/.exec(text)?.[1];
  const address = /\s(?:A|AAAA)\s+(\S+)$/m.exec(text)?.[1];
  return `${address}:${port}`;
}
