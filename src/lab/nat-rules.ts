/** What a gateway does to what passes it; each is one nft ruleset. */
export type GatewayKind = 'cone' | 'symmetric' | 'full-cone' | 'poisoning' | 'firewall';

/** Seconds that a full cone keeps a hole open after the last packet out; RFC 4787 REQ-5 wants 120 or more. */
const HOLE_SECONDS = 120;

/**
 * The nft ruleset of a gateway between `lan` (inside) and `wan` (outside).
 *
 * In the terms of RFC 4787, as Linux has them and the tests observe them:
 *
 * | kind      | mapping                                | filtering                  |
 * | --------- | -------------------------------------- | -------------------------- |
 * | cone      | port kept: endpoint-independent, until | address and port dependent |
 * |           | two hosts want one port                |                            |
 * | symmetric | address and port dependent             | address and port dependent |
 * | full-cone | as cone                                | endpoint-independent       |
 * | poisoning | as cone, but a packet from outside that| address and port dependent |
 * |           | comes too early moves the mapping      |                            |
 * | firewall  | none: addresses are kept               | address and port dependent |
 */
export function gatewayRuleset(kind: GatewayKind): string {
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

// Without this chain an unsolicited packet is taken for the gateway itself: it gets a conntrack entry
// that owns the port from then on, and a later mapping of a host inside must move to another one.
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

// What sends from a port inside opens this port for everybody: the hole is learnt before the source
// is rewritten (100 is srcnat).
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

const NAT: Record<Exclude<GatewayKind, 'firewall'>, string> = {
  cone: MASQUERADE,
  poisoning: MASQUERADE,
  symmetric: MASQUERADE.replace('masquerade', 'masquerade fully-random'),
  'full-cone': MASQUERADE + FULL_CONE,
};
