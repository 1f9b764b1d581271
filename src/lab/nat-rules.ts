/** The kinds of gateways. Each is one nft ruleset. */
export type GatewayKind = 'cone' | 'symmetric' | 'full-cone' | 'poisoning' | 'firewall';

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

const NAT: Record<Exclude<GatewayKind, 'firewall'>, string> = {
  cone: MASQUERADE,
  poisoning: MASQUERADE,
  symmetric: MASQUERADE.replace('masquerade', 'masquerade fully-random'),
  'full-cone': MASQUERADE + FULL_CONE,
};
