import { formatEndpoint } from '../wire/endpoint.js';
import { formatPublicKey } from '../wire/key.js';
import type { Device, Peer } from '../wireguard/device.js';
import { describeNotReady } from '../wireguard/readiness.js';
import type { Facts } from './facts.js';
import { type Finding, note, ok, problem, unknown } from './finding.js';

const SHOWN_PEERS = 5;

/** The first characters of a peer's key, or the user's name of it. */
export function peerName({ client }: Facts, { publicKey }: Peer): string {
  const key = formatPublicKey(publicKey);
  const known = client === 'none' ? undefined : client.peers.find((one) => one.publicKey === key);
  return known?.name ?? key.slice(0, 8);
}

/** Some names, and the number of further ones. */
export function list(names: readonly string[]): string {
  const more = names.length - SHOWN_PEERS;
  return names.slice(0, SHOWN_PEERS).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

/** The interface, its key and port, and whether it has peers. */
export function judgeInterface({ interface: seen, interfaceName: name, late }: Facts): Finding[] {
  if (seen.error !== undefined) {
    return late.includes('interface')
      ? [unknown('interface', seen.error)]
      : [problem('interface', seen.error, `see what wg show ${name} says`)];
  }
  if (seen.reason !== undefined) {
    const [what = '', advice = ''] = describeNotReady(name, seen.reason).split(/: (.*)/s);
    return [problem(seen.reason === 'no-peers' ? 'peers' : 'interface', what, advice)];
  }
  if (seen.device === undefined) {
    return [];
  }
  const { publicKey, listenPort, fwmark, peers } = seen.device;
  const key = publicKey === undefined ? '' : ` key ${formatPublicKey(publicKey).slice(0, 8)},`;
  const mark = fwmark === 0 ? '' : ` fwmark 0x${fwmark.toString(16)},`;
  const count = peers.length === 1 ? '1 peer' : `${peers.length} peers`;
  return [ok('interface', `${name} is up,${key} port ${listenPort},${mark} ${count}`)];
}

/** Settings of peers that keep them from connecting. */
export function judgePeerSettings(facts: Facts): Finding[] {
  const { device } = facts.interface;
  if (device === undefined || device.peers.length === 0) {
    return [];
  }
  const findings = [...withoutAllowedIps(facts, device), ...withPinnedEndpoint(facts, device)];
  return findings.length > 0
    ? findings
    : [ok('peers', 'all have AllowedIPs, none a pinned Endpoint')];
}

function withoutAllowedIps(facts: Facts, { peers }: Device): Finding[] {
  const names = peers
    .filter(({ allowedIps }) => allowedIps.length === 0)
    .map((peer) => peerName(facts, peer));
  return names.length === 0
    ? []
    : [
        problem(
          'peers',
          `${list(names)} ${names.length === 1 ? 'has' : 'have'} no AllowedIPs: nothing is sent to it through the tunnel`,
          `give it its tunnel address (wg set ${facts.interfaceName} peer KEY allowed-ips 10.0.0.2/32)`,
        ),
      ];
}

/**
 * An endpoint that was set by hand: in wg-quick's file, or one without a handshake while no client runs that could
 * have set it.
 */
function withPinnedEndpoint(facts: Facts, { peers }: Device): Finding[] {
  const { client, config } = facts;
  return peers.flatMap((peer): Finding[] => {
    const name = peerName(facts, peer);
    const line = config?.pinned.get(formatPublicKey(peer.publicKey));
    const connected = peer.latestHandshakeMs > 0;
    if (line !== undefined) {
      const what = `${name} has Endpoint = ${line} in ${config?.file}`;
      return [
        connected
          ? note('peers', `${what}, which works: it is left alone while it does`)
          : problem(
              'peers',
              `${what}, and never had a handshake`,
              'remove the line where the peer moves or is behind a NAT: the client finds it',
            ),
      ];
    }
    if (peer.endpoint !== undefined && !connected && client === 'none') {
      return [
        problem(
          'peers',
          `${name} has the endpoint ${formatEndpoint(peer.endpoint)}, which no server reported, and never had a handshake`,
          'it is pinned and wrong, or the peer is not there: remove Endpoint from its configuration, and start a client',
        ),
      ];
    }
    return [];
  });
}

/** The running client, and others that interfere with it. */
export function judgeClients({ client, otherClients, interfaceName: name }: Facts): Finding[] {
  const others = otherClients ?? [];
  const strangers = others.map((other) =>
    problem(
      'client',
      other.holds === 'lock'
        ? `${other.command} (pid ${other.pid}) holds the lock of ${name}'s client, and answers no status`
        : `${other.command} (pid ${other.pid}) has a raw UDP socket here: another client may use ${name}`,
      `stop it if it is a client of ${name}: two clients take each other's answers and endpoints`,
    ),
  );
  if (client === 'none') {
    return others.some(({ holds }) => holds === 'lock')
      ? strangers
      : [...strangers, note('client', `no client runs on ${name}`)];
  }
  const problems = client.problems.map(({ text }) =>
    problem('client', `the client says: ${text}`, 'see the topic in docs/troubleshooting.md'),
  );
  const { peers, connected } = client.counts;
  return [
    ...strangers,
    ...(problems.length > 0
      ? problems
      : [ok('client', `pid ${client.pid} runs, ${connected} of ${peers} peers connected`)]),
  ];
}

/** What `wg-quick down` will write over the user's file. */
export function judgeSaveConfig({
  config,
  interface: { device },
  interfaceName,
}: Facts): Finding[] {
  if (config === undefined) {
    return [
      note('save-config', `no file /etc/wireguard/${interfaceName}.conf, or none that can be read`),
    ];
  }
  if (!config.saves) {
    return [
      ok(
        'save-config',
        `${config.file} has no SaveConfig: what the client sets is not written there`,
      ),
    ];
  }
  const endpoints = (device?.peers ?? []).filter(({ endpoint }) => endpoint !== undefined).length;
  const keepalives = (device?.peers ?? []).filter((peer) => peer.persistentKeepalive > 0).length;
  return [
    problem(
      'save-config',
      `${config.file} has SaveConfig = true: wg-quick down will write the present state there, with ${endpoints} Endpoint and ${keepalives} PersistentKeepalive lines of the moment, and without comments`,
      'remove SaveConfig: endpoints that the client found are old by the next start',
    ),
  ];
}
