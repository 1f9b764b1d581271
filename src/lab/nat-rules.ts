/** The kinds of gateways. Each is one nft ruleset. */
export type GatewayKind =
  | 'cone'
  | 'symmetric'
  | 'stepping'
  | 'port-block'
  | 'full-cone'
  | 'poisoning'
  | 'port-mapping'
  | 'firewall'
  | 'router';

/** How long a full cone keeps a mapping after the last outbound packet; RFC 4787 REQ-5: at least 120 s. */
const HOLE_SECONDS = 120;

/**
 * The nft ruleset of a gateway between `lan` (inside) and `wan` (outside).
 *
 * In the terms of RFC 4787, as Linux implements them and the tests verify:
 *
 * | kind      | mapping                                | filtering                  |
 * | --------- | -------------------------------------- | -------------------------- |
 * | cone      | port kept: endpoint-independent, until | address and port dependent |
 * |           | two hosts want one port                |                            |
 * | symmetric | address and port dependent             | address and port dependent |
 * | stepping  | as symmetric, each port STEP after the | address and port dependent |
 * |           | one before                             |                            |
 * | port-block| as symmetric, random in a block that   | address and port dependent |
 * |           | the inside address has to itself       |                            |
 * | full-cone | as cone                                | endpoint-independent       |
 * | poisoning | as cone, but a packet from outside that| address and port dependent |
 * |           | comes too early moves the mapping      |                            |
 * | port-     | as symmetric; miniupnpd adds mappings  | address and port dependent |
 * | mapping   | that inside hosts ask for              |                            |
 * | firewall  | none: addresses are kept               | address and port dependent |
 * | router    | none                                   | none                       |
 */
export function gatewayRuleset(kind: GatewayKind): string {
  if (kind === 'router') {
    return '';
  }
  return `
    table inet gateway {
      chain forward {
        type filter hook forward priority filter
        policy drop
        iifname "lan" accept
        ct state established,related accept
        ct status dnat accept
      }
      ${kind === 'poisoning' ? '' : INPUT}
    }
    ${kind === 'firewall' ? '' : NAT[kind]}`;
}

// Without this chain the gateway accepts an unsolicited packet as its own. Its conntrack entry then owns
// the port, and a later mapping of an inside host gets another port.
const INPUT = `
  chain input {
    type filter hook input priority filter
    policy accept
    iifname "wan" ct state new,invalid drop
  }`;

const MASQUERADE = `
  table ip nat {
    chain postrouting {
      type nat hook postrouting priority srcnat
      oifname "wan" masquerade
    }
  }`;

// An outbound packet opens its source port for all hosts outside. The chain runs before the source is
// rewritten (srcnat is 100).
const FULL_CONE = `
  table ip holes {
    map hosts {
      type inet_service : ipv4_addr
      flags dynamic,timeout
      timeout ${HOLE_SECONDS}s
      size 65535
    }
    chain learn {
      type filter hook postrouting priority 90
      oifname "wan" meta l4proto udp update @hosts { udp sport : ip saddr }
    }
    chain prerouting {
      type nat hook prerouting priority dstnat
      iifname "wan" dnat to udp dport map @hosts
    }
  }`;

/** Consecutive mappings of a stepping NAT are this far apart. */
export const STEP = 2;
const STEPPING_PORTS = Array.from({ length: 8192 }, (_, index) => 30_000 + STEP * index);

const STEPPING = MASQUERADE.replace(
  'oifname "wan" masquerade',
  `oifname "wan" meta l4proto udp masquerade to :numgen inc mod ${STEPPING_PORTS.length} map {
        ${STEPPING_PORTS.map((port, index) => `${index} : ${port}`).join(', ')}
      }
      oifname "wan" masquerade`,
);

/** The ports that a carrier gives a subscriber (RFC 7422 has examples of this size). */
export const BLOCK_SIZE = 512;
const FIRST_BLOCK = 20_480;
const SUBSCRIBERS = [2, 3, 4, 5, 6, 7, 8, 9];

/** The block of the subscriber with this last number in its address. */
function portBlock(subscriber: number): string {
  const first = FIRST_BLOCK + BLOCK_SIZE * subscriber;
  return `${first}-${first + BLOCK_SIZE - 1}`;
}

const PORT_BLOCKS = MASQUERADE.replace(
  'oifname "wan" masquerade',
  [
    ...SUBSCRIBERS.map(
      (number) =>
        `oifname "wan" ip saddr & 255.192.0.255 == 100.64.0.${number} meta l4proto udp masquerade to :${portBlock(number)} fully-random`,
    ),
    'oifname "wan" masquerade',
  ].join('\n      '),
);

// The chains that miniupnpd fills, by the names that it has built in. Its postrouting chain comes first: a
// packet from a mapped port leaves by the port that it is mapped to.
const MINIUPNPD = `
  table inet filter {
    chain miniupnpd {
    }
    chain forward {
      type filter hook forward priority filter
      jump miniupnpd
    }
    chain prerouting_miniupnpd {
    }
    chain prerouting {
      type nat hook prerouting priority dstnat
      jump prerouting_miniupnpd
    }
    chain postrouting_miniupnpd {
    }
    chain postrouting {
      type nat hook postrouting priority srcnat - 1
      jump postrouting_miniupnpd
    }
  }`;

const NAT: Record<Exclude<GatewayKind, 'firewall' | 'router'>, string> = {
  cone: MASQUERADE,
  poisoning: MASQUERADE,
  symmetric: MASQUERADE.replace('masquerade', 'masquerade fully-random'),
  stepping: STEPPING,
  'port-block': PORT_BLOCKS,
  'port-mapping': MASQUERADE.replace('masquerade', 'masquerade fully-random') + MINIUPNPD,
  'full-cone': MASQUERADE + FULL_CONE,
};
