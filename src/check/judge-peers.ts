import type { StatusPeer } from '../client/status/status.js';
import { type Endpoint, formatEndpoint } from '../wire/endpoint.js';
import { formatPublicKey } from '../wire/key.js';
import type { Peer } from '../wireguard/device.js';
import type { Facts } from './facts.js';
import { type Finding, note, ok, problem } from './finding.js';
import { peerName } from './judge-interface.js';
import { natVerdict, neighbourVerdict } from './nat-verdict.js';

/** WireGuard's REJECT_AFTER_TIME. */
const FRESH_MS = 180_000;
/** A client that has tried to connect for this long has tried the peer's local addresses. */
const TRIED_MS = 5_000;
/** Peers that get their own line; the others are counted. */
const MAX_LINES = 100;

/** A verdict for each peer, by name: connected, what to expect, or what it lacks. */
export function judgePeers(facts: Facts): Finding[] {
  const nameOf = (peer: Peer) => peerName(facts, peer);
  const peers = [...(facts.interface.device?.peers ?? [])].sort((a, b) =>
    nameOf(a) < nameOf(b) ? -1 : 1,
  );
  const findings = peers.map((peer) => judgePeer(facts, peer));
  const rank = ({ mark }: Finding) => (mark === 'ok' ? 1 : 0);
  const ordered = [...findings].sort((a, b) => rank(a) - rank(b));
  const left = ordered.slice(MAX_LINES);
  return left.length === 0
    ? findings
    : [...ordered.slice(0, MAX_LINES), note('peer', `${left.length} more peers`)];
}

function judgePeer(facts: Facts, peer: Peer): Finding {
  const name = peerName(facts, peer);
  const key = formatPublicKey(peer.publicKey);
  const { client } = facts;
  const shown = client === 'none' ? undefined : client.peers.find((one) => one.publicKey === key);
  const age = facts.now - peer.latestHandshakeMs;
  if (shown?.state === 'connected' || (client === 'none' && age < FRESH_MS)) {
    const why = shown?.reason === undefined ? '' : `; no direct path: ${shown.reason}`;
    return ok('peer', `${name}: connected, ${shown?.path ?? 'direct'}${at(peer.endpoint)}${why}`);
  }
  if (peer.allowedIps.length === 0) {
    return note('peer', `${name}: has no AllowedIPs, see above`);
  }
  const registered = facts.registered.get(key);
  if (registered !== undefined && registered !== 'unknown') {
    return usesSealed(facts)
      ? problem(
          'peer',
          `${name}: speaks the classic protocol (registered${at(registered)}), this host the sealed one`,
          "give its client the server's key, or none here: both sides have to use the same protocol",
        )
      : expected(facts, name, registered);
  }
  return shown === undefined ? unseen(facts, name, registered) : bySide(facts, name, shown);
}

/** What the running client reports about a peer that is not connected. */
function bySide(facts: Facts, name: string, shown: StatusPeer): Finding {
  if (shown.state === 'connecting') {
    const [first] = shown.answer ?? [];
    return expected(facts, name, first ?? shown.endpoint, shown);
  }
  if (shown.state === 'asking') {
    return problem('peer', `${name}: no server has answered about it`, 'see the server above');
  }
  return notRegistered(facts, name);
}

/** No client runs, or it does not manage this peer. */
function unseen(facts: Facts, name: string, registered: 'unknown' | undefined): Finding {
  if (registered === 'unknown' && !usesSealed(facts)) {
    return notRegistered(facts, name);
  }
  return note(
    'peer',
    facts.client === 'none'
      ? `${name}: not connected; only a running client can ask about it`
      : `${name}: not connected, and not managed by the client (--peer)`,
  );
}

function notRegistered(facts: Facts, name: string): Finding {
  return usesSealed(facts)
    ? problem(
        'peer',
        `${name}: not registered, does not want us (its interface lacks this host's key), or speaks the other protocol: by design the server does not say which`,
        "start its client with the same server and key, and add this interface's public key to its peers",
      )
    : problem(
        'peer',
        `${name}: not registered with the server, or speaks the other protocol`,
        'start its client with the same server, without a server key (or give the key on both sides)',
      );
}

/** The peer is known: the verdict on its NATs and ours. */
function expected(
  facts: Facts,
  name: string,
  where: Endpoint | string | undefined,
  shown?: StatusPeer,
): Finding {
  const address = typeof where === 'string' ? addressIn(where) : where?.address;
  const place = typeof where === 'string' ? ` at ${where}` : at(where);
  const isTried = shown !== undefined && facts.now - Date.parse(shown.since) > TRIED_MS;
  const { verdict, advice } =
    address !== undefined && outsideAddresses(facts).includes(address)
      ? neighbourVerdict(facts.nat, usesSealed(facts), isTried)
      : natVerdict(facts.nat, shown?.nat ?? {}, outsideAddresses(facts));
  const seen = `${name}: not connected${place}; ${verdict}`;
  return advice === undefined ? note('peer', seen) : problem('peer', seen, advice);
}

/** The addresses at which servers see this host. */
function outsideAddresses({ servers, client }: Facts): string[] {
  const mapped = client === 'none' ? [] : Object.values(client.mapping ?? {}).map(addressIn);
  const seen = servers.flatMap(({ probes }) => probes.flatMap((one) => one.seenAs?.address ?? []));
  return [...mapped, ...seen];
}

function addressIn(text: string): string {
  return text.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
}

function usesSealed({ servers, client }: Facts): boolean {
  const known = client === 'none' ? servers : [...servers, ...client.servers];
  return known.some(({ protocol }) => protocol === 'sealed');
}

function at(where: Endpoint | undefined): string {
  return where === undefined ? '' : ` at ${formatEndpoint(where)}`;
}
