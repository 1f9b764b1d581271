import type { Namespace } from './namespace.js';

/** The mark of WireGuard's own packets, and the routing table for all others, as in wg-quick. */
export const FULL_TUNNEL_MARK = 51820;

/**
 * Routes all packets without the mark through a WireGuard interface, as wg-quick(8) does for AllowedIPs
 * 0.0.0.0/0: the rules of its `add_default`, in its order.
 */
export async function routeEverythingThrough(
  host: Namespace,
  device: { readonly interface: string; readonly tunnelAddress: string },
  families: readonly (4 | 6)[],
  behindGateway: boolean,
): Promise<void> {
  await host.exec('wg', ['set', device.interface, 'fwmark', String(FULL_TUNNEL_MARK)]);
  for (const family of families) {
    const everything = family === 4 ? '0.0.0.0/0' : '::/0';
    const rules = [
      `route add ${everything} dev ${device.interface} table ${FULL_TUNNEL_MARK}`,
      `-${family} rule add not fwmark ${FULL_TUNNEL_MARK} table ${FULL_TUNNEL_MARK}`,
      `-${family} rule add table main suppress_prefixlength 0`,
    ];
    // `ip -batch` takes no options on a line, so each rule is one command.
    for (const rule of rules) {
      await host.exec('ip', rule.split(' '));
    }
    await host.nft(ruleset(family, device));
  }
  if (families.includes(4)) {
    // Strict reverse path filtering, the default of many distributions. Replies to marked packets pass
    // it only with src_valid_mark. It is loose on the internet, where no subnet route exempts the link
    // itself and strict filtering would drop the neighbours' ARP requests.
    await host.sysctl({
      'net.ipv4.conf.all.src_valid_mark': 1,
      'net.ipv4.conf.all.rp_filter': behindGateway ? 1 : 2,
    });
  }
}

function ruleset(
  family: 4 | 6,
  device: { readonly interface: string; readonly tunnelAddress: string },
): string {
  const table = `table ${family === 4 ? 'ip' : 'ip6'} wg-quick-${device.interface}`;
  // The rule needs an address of the same family; the lab's tunnel addresses are IPv4.
  const guardAddress =
    family === 4
      ? `iifname != "${device.interface}" ip daddr ${device.tunnelAddress} fib saddr type != local drop`
      : '';
  return `${table} {
    chain preraw {
      type filter hook prerouting priority -300
      ${guardAddress}
    }
    chain premangle {
      type filter hook prerouting priority -150
      meta l4proto udp meta mark set ct mark
    }
    chain postmangle {
      type filter hook postrouting priority -150
      meta l4proto udp mark ${FULL_TUNNEL_MARK} ct mark set mark
    }
  }`;
}
