import type { Endpoint, Family } from '../../wire/endpoint.js';
import { nameSuffix } from './flow-script.js';

/*
 * WireGuard sends to where the peer's last packet came from. When one of two peers changes to another path
 * that works, packets of the other are still under way on the old one: each of them takes the change back,
 * and with traffic the two WireGuards go back and forth for as long as it lasts. So for a moment the side
 * that changes has the kernel show packets of the old path as if they had come by the new one:
 *
 *   this side                                                the other side
 *   | hold: from the relay -> from the direct endpoint          | sends by the relay
 *   | its WireGuard sends by the direct path ------------------>| follows
 *   |<=========================== packets that left before, by the relay: taken, without effect
 *   |<----------------------------------------------------------| sends by the direct path
 *   | end of the hold                                           |
 */

/** A peer's change from one working path to a better one. */
export interface SwitchOver {
  /** The peer's endpoint until now. */
  readonly from: Endpoint;
  readonly to: Endpoint;
}

/** What the kernel does for a change. */
export interface Hold extends SwitchOver {
  /** WireGuard's port. */
  readonly listenPort: number;
  /** The kernel ends it by itself after so many milliseconds, so that nothing depends on our survival. */
  readonly forMs: number;
}

/** Before the host's own filter (0), and after it knows the flow that the packet belongs to. */
const PRIORITY = -10;

/** The first words of WireGuard's messages. What else comes from a server keeps its source. */
const WIREGUARD_TYPES = '{ 0x01000000, 0x02000000, 0x03000000, 0x04000000 }';

/** The transaction after which the interface's table of a family holds exactly these, or is gone. */
export function holdScript(interfaceName: string, family: Family, holds: readonly Hold[]): string {
  const ip = family === 4 ? 'ip' : 'ip6';
  const table = `${ip} wg-rendezvous-switch${nameSuffix(interfaceName)}`;
  const lines = [`add table ${table}`, `delete table ${table}`];
  if (holds.length > 0) {
    lines.push(
      `add table ${table}`,
      `add chain ${table} in { type filter hook input priority ${PRIORITY} ; policy accept ; }`,
    );
  }
  for (const [i, { from, to, listenPort, forMs }] of holds.entries()) {
    const elements = `${from.address} . ${from.port} timeout ${Math.ceil(forMs)}ms`;
    lines.push(
      `add set ${table} old${i} { type ipv${family}_addr . inet_service ; flags timeout ; elements = { ${elements} } ; }`,
      `add rule ${table} in ${ip} saddr . udp sport @old${i} udp dport ${listenPort} ` +
        `@th,64,32 ${WIREGUARD_TYPES} ${ip} saddr set ${to.address} udp sport set ${to.port}`,
    );
  }
  return `${lines.join('\n')}\n`;
}
