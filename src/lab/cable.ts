import type { Namespace } from './namespace.js';

/** A set of packets on a cable. An absent field matches every packet. */
export interface PacketMatch {
  /** From the point of view of the host at the end of the cable. @default both */
  readonly direction?: 'outbound' | 'inbound';
  readonly protocol?: 'udp' | 'tcp' | 'icmp';
  readonly source?: string;
  readonly destination?: string;
  /** UDP source port. */
  readonly sourcePort?: number;
  /** UDP destination port. */
  readonly destinationPort?: number;
}

/** A rule for packets on a cable, active until it is removed. */
export interface CableRule extends AsyncDisposable {
  /** The number of packets that it applied to. */
  packets(): Promise<number>;
  /** The same with their bytes, including the IP headers. */
  tally(): Promise<Tally>;
  remove(): Promise<void>;
}

/** A number of packets and of their bytes, including the IP headers. */
export interface Tally {
  readonly packets: number;
  readonly bytes: number;
}

/** Stands for all ports of the internet's bridge: all packets that cross it. */
export const EVERY_PORT = undefined;

const LOSS_RESOLUTION = 10_000;
/** The modulus of numgen, after which it restarts: more packets than any test sends. */
const NEVER_WRAPS = 4_294_967_295;

/** nft priorities: packets are counted before they are dropped, in whichever order rules are added. */
const PRIORITY = { count: -301, drop: -300 } as const;

let lastRule = 0;

/**
 * The cable between a node and a bridge. Rules apply at the bridge: a packet dropped there is lost on the
 * way, and neither end gets an error.
 */
export class Cable {
  readonly #bridge: Namespace;
  readonly #port: string | undefined;
  #loss: CableRule | undefined;

  constructor(bridge: Namespace, port: string | undefined) {
    this.#bridge = bridge;
    this.#port = port;
  }

  /** Drops this share (0..1) of the packets in each direction from now on; 0 stops it. */
  async loss(ratio: number): Promise<void> {
    if (!(ratio >= 0 && ratio <= 1)) {
      throw new RangeError(`a loss ratio is 0..1, got ${ratio}`);
    }
    await this.#loss?.remove();
    this.#loss = undefined;
    if (ratio > 0) {
      const below = Math.round(ratio * LOSS_RESOLUTION);
      // Spares neighbour discovery: its loss would only measure its retransmission timer of 1 s.
      const spared = 'ether type { ip, ip6 } meta l4proto != icmpv6';
      const share = `numgen random mod ${LOSS_RESOLUTION} < ${below}`;
      this.#loss = await this.#apply('drop', {}, `${spared} ${share}`);
    }
  }

  /** Drops exactly the next `count` packets that match. */
  dropNext(count: number, match: PacketMatch = {}): Promise<CableRule> {
    return this.#apply('drop', match, `numgen inc mod ${NEVER_WRAPS} < ${count}`);
  }

  /** Drops every packet that matches, until the rule is removed. */
  block(match: PacketMatch = {}): Promise<CableRule> {
    return this.#apply('drop', match, '');
  }

  /** Counts the packets that match, including those that are lost on this cable. */
  count(match: PacketMatch = {}): Promise<CableRule> {
    return this.#apply('count', match, '');
  }

  // Each rule is its own table, added and removed in one transaction. Both directions jump to one chain
  // that holds the state, so that a count covers both.
  async #apply(
    action: keyof typeof PRIORITY,
    match: PacketMatch,
    state: string,
  ): Promise<CableRule> {
    lastRule += 1;
    const table = `rule${lastRule}`;
    const hooks = this.#hooks(match.direction).map(
      ([hook, port]) => `
        chain ${hook} {
          type filter hook ${hook} priority ${PRIORITY[action]}
          ${[port, ...conditions(match)].join(' ')} jump body
        }`,
    );
    await this.#bridge.nft(`
      table bridge ${table} {
        counter hits { }
        chain body {
          ${state} counter name hits ${action === 'drop' ? 'drop' : ''}
        }
        ${hooks.join('\n')}
      }`);
    return this.#rule(table);
  }

  /** The hooks for a direction, with the condition that a packet is on this cable. */
  #hooks(direction: PacketMatch['direction']): [hook: string, port: string][] {
    if (this.#port === EVERY_PORT) {
      return [['forward', '']];
    }
    // These hooks also see packets from and to the bridge's own namespace (a gateway).
    const outbound: [string, string] = ['prerouting', `iifname "${this.#port}"`];
    const inbound: [string, string] = ['postrouting', `oifname "${this.#port}"`];
    return direction === undefined ? [outbound, inbound] : [{ outbound, inbound }[direction]];
  }

  #rule(table: string): CableRule {
    const bridge = this.#bridge;
    let removed = false;
    const remove = async (): Promise<void> => {
      if (!removed) {
        removed = true;
        await bridge.nft(`delete table bridge ${table}`);
      }
    };
    const tally = async (): Promise<Tally> => {
      const text = await bridge.exec('nft', ['list', 'counter', 'bridge', table, 'hits']);
      const [, packets, bytes] = /packets (\d+) bytes (\d+)/.exec(text) ?? [];
      return { packets: Number(packets), bytes: Number(bytes) };
    };
    return {
      remove,
      [Symbol.asyncDispose]: remove,
      tally,
      packets: async () => (await tally()).packets,
    };
  }
}

function conditions(match: PacketMatch): string[] {
  const { protocol, source, destination, sourcePort, destinationPort } = match;
  const family = (address: string): string => (address.includes(':') ? 'ip6' : 'ip');
  return [
    ...(protocol === undefined ? [] : [`meta l4proto ${protocol}`]),
    ...(source === undefined ? [] : [`${family(source)} saddr ${source}`]),
    ...(destination === undefined ? [] : [`${family(destination)} daddr ${destination}`]),
    ...(sourcePort === undefined ? [] : [`udp sport ${sourcePort}`]),
    ...(destinationPort === undefined ? [] : [`udp dport ${destinationPort}`]),
  ];
}
