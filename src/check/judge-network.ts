import { isInTunnel, tunnelPrefixes } from '../client/endpoint-refusal.js';
import { natText } from '../client/status/nat-facts.js';
import { formatEndpoint } from '../wire/endpoint.js';
import { SCOPE, scopeOf } from '../wire/endpoint-scope.js';
import type { Facts, ProbeFacts, RouteFacts } from './facts.js';
import { type Finding, note, ok, problem, unknown } from './finding.js';

const STRICT = 1;

function probes({ servers }: Facts): ProbeFacts[] {
  return servers.flatMap((server) => server.probes);
}

/** Requests must leave as WireGuard's packets do, or the server sees another mapping than peers will. */
export function judgeRoutes(facts: Facts): Finding[] {
  const toServers = probes(facts).flatMap(({ route }) => (route === undefined ? [] : [route]));
  const findings = toServers.flatMap((route) => judgeRoute(route, facts));
  const [first] = toServers;
  if (findings.length > 0 || first === undefined) {
    return findings;
  }
  const mark = facts.interface.device?.fwmark;
  const how = mark ? ` with its fwmark 0x${mark.toString(16)}` : '';
  return [ok('route', `requests leave by ${first.interface}${how}, as WireGuard's packets do`)];
}

function judgeRoute(route: RouteFacts, facts: Facts): Finding[] {
  const { interfaceName } = facts;
  if (route.errorCode !== undefined) {
    return [
      problem(
        'route',
        `WireGuard's port has no route to ${route.to} (${route.errorCode})`,
        'see ip rule and ip route: a rule for its port or fwmark may lead to a table without a route',
      ),
    ];
  }
  if (route.interface === interfaceName) {
    return [
      problem(
        'route',
        `packets to the server ${route.to} go into the tunnel ${interfaceName} itself`,
        `use an address outside its AllowedIPs, or give ${interfaceName} a fwmark as wg-quick does`,
      ),
    ];
  }
  const others = facts.peerRoutes.filter(
    (peer) => peer.family === route.family && peer.interface !== undefined,
  );
  const other = others.find(
    (peer) => peer.interface !== route.interface || peer.source !== route.source,
  );
  if (other !== undefined) {
    return [
      problem(
        'route',
        `requests to ${route.to} leave by ${way(route)}, WireGuard's packets to the peer at ${other.to} by ${way(other)}: the server sees another address than peers do`,
        'let both take the same uplink: ip rule (by port, fwmark or destination) and ip route show what differs',
      ),
    ];
  }
  return [];
}

function way({ interface: name, source }: RouteFacts): string {
  return source === undefined ? `${name}` : `${name} (${source})`;
}

/** A server inside the tunnel, or one that only neighbours reach. */
export function judgeAddresses(facts: Facts): Finding[] {
  const allowedIps = (facts.interface.device?.peers ?? []).flatMap((peer) => peer.allowedIps);
  const tunnel = tunnelPrefixes(allowedIps);
  const findings = probes(facts).flatMap(({ endpoint: { address } }): Finding[] => {
    if (isInTunnel(address, tunnel)) {
      return [
        problem(
          'server-address',
          `the server's address ${address} lies inside ${facts.interfaceName}'s AllowedIPs`,
          'use its public address: the tunnel cannot carry the packets that bring it up',
        ),
      ];
    }
    const scope = scopeOf(address);
    if (scope === SCOPE.private || scope === SCOPE.loopback) {
      return [
        problem(
          'server-address',
          `the server's address ${address} is ${scope === SCOPE.private ? 'private' : 'of this host itself'}: it sees peers of that network only`,
          'peers elsewhere need a server with a public address',
        ),
      ];
    }
    return [];
  });
  return findings.length > 0 || probes(facts).length === 0
    ? findings
    : [ok('server-address', 'public, and outside the tunnel')];
}

/** Where servers see this host, what its NATs do, and whether the router forwards a port. */
export function judgeMapping(facts: Facts): Finding[] {
  const { nat, client } = facts;
  const known = client === 'none' ? [] : Object.values(client.mapping ?? {});
  const seen = probes(facts).flatMap(({ seenAs, fromWireguardPort }) =>
    seenAs === undefined
      ? []
      : [
          `${formatEndpoint(seenAs)}${fromWireguardPort ? '' : " (from another port than WireGuard's)"}`,
        ],
  );
  const places = [...new Set(known.length > 0 ? known : seen)];
  const { portMapping, ...behaviour } = nat;
  const isPublic = nat.mapping === 'none';
  return [
    places.length === 0
      ? note('mapping', 'no server said where it sees this host')
      : ok('mapping', `seen at ${places.join(', ')}${isPublic ? ', its own address' : ''}`),
    ...(Object.keys(behaviour).length > 0
      ? [judgeNat(facts, natText(behaviour))]
      : unknownNat(facts, places)),
    ...(portMapping === undefined
      ? judgeRouter(facts, places)
      : [note('port-mapping', natText({ portMapping }))]),
  ];
}

/** Where no server has seen this host, there may be no NAT either. */
function unknownNat({ localAddresses }: Facts, places: readonly string[]): Finding[] {
  const local = localAddresses.slice(0, 3).join(', ') || 'none';
  return places.length === 0
    ? []
    : [
        note(
          'nat',
          `behind a NAT or a firewall; one server alone cannot tell more (local: ${local})`,
        ),
      ];
}

/** Whether the router offers to map a port, asked without mapping one. */
function judgeRouter({ router, late, nat }: Facts, places: readonly string[]): Finding[] {
  if (late.includes('port-mapping')) {
    return [unknown('port-mapping', 'the router did not answer in time')];
  }
  if (router === undefined) {
    return [];
  }
  if (router === 'none') {
    return [note('port-mapping', 'this host has no router over IPv4 that could map a port')];
  }
  const { address, protocols, outside } = router;
  if (protocols.length === 0) {
    return [
      note('port-mapping', `the router ${address} maps no port (asked by PCP, NAT-PMP and UPnP)`),
    ];
  }
  const offer = `the router ${address} maps ports by ${protocols.join(', ')}`;
  const isElsewhere =
    outside !== undefined &&
    nat.mapping !== 'none' &&
    places.length > 0 &&
    !places.some((place) => place.startsWith(`${outside}:`));
  return [
    isElsewhere
      ? note(
          'port-mapping',
          `${offer} at ${outside}, which is not where servers see this host: behind a second NAT they are of no use`,
        )
      : ok('port-mapping', `${offer}${outside === undefined ? '' : ` at ${outside}`}`),
  ];
}

function judgeNat({ nat }: Facts, text: string): Finding {
  const isHard =
    nat.mapping === 'address-dependent' || nat.mapping === 'address-and-port-dependent';
  return isHard
    ? problem(
        'nat',
        `${text}: the mapping that a server sees is not the one that peers get`,
        'forward the port in the router, or run a server with --relay; a peer without such a NAT can still be reached',
      )
    : ok('nat', text);
}

/** Rules of this host that drop the client's packets. */
export function judgeFirewall({ firewall, late, interface: { device } }: Facts): Finding[] {
  if (late.includes('firewall')) {
    return [unknown('firewall', 'its rules could not be read in time')];
  }
  if (firewall === undefined || firewall.readBy.length === 0) {
    return device === undefined
      ? []
      : [note('firewall', 'no nft or iptables here to ask for the rules of this host')];
  }
  if (firewall.drops.length === 0) {
    return [
      ok(
        'firewall',
        `no rule found that drops the client's packets (${firewall.readBy.join(', ')})`,
      ),
    ];
  }
  return firewall.drops.map(({ what, direction, rule }) =>
    problem(
      'firewall',
      `${what} are dropped by ${rule}`,
      direction === 'in'
        ? `let UDP to port ${device?.listenPort} in, or accept established connections before that rule`
        : `let UDP from port ${device?.listenPort} out before that rule`,
    ),
  );
}

/** Strict reverse path filtering drops answers that arrive by an interface other than the kernel would use. */
export function judgeReversePath(facts: Facts): Finding[] {
  const routes = probes(facts).flatMap(({ route }) => route ?? []);
  const strict = routes.filter(({ rpFilter }) => rpFilter === STRICT);
  const wrong = strict.find((route) => route.reverseInterface !== route.interface);
  if (wrong !== undefined) {
    const { interface: name, to, reverseInterface } = wrong;
    return [
      problem(
        'rp-filter',
        `strict rp_filter on ${name} drops answers of ${to}: the way back without WireGuard's mark and port is ${reverseInterface ?? 'none'}`,
        `sysctl -w net.ipv4.conf.${name}.rp_filter=2, or net.ipv4.conf.all.src_valid_mark=1 where the fwmark makes the difference`,
      ),
    ];
  }
  const [first] = routes;
  return first?.rpFilter === undefined
    ? []
    : [
        ok(
          'rp-filter',
          `${['off', 'strict', 'loose'][first.rpFilter] ?? first.rpFilter} on ${first.interface}, which blocks nothing`,
        ),
      ];
}
