import { type Endpoint, FAMILIES, type Family } from '../../wire/endpoint.js';
import { nameSuffix } from './flow-script.js';
import { runNft } from './nft.js';

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

/** A one-way trip on either path, with some margin; a peer that does not follow has the old path back then. */
const HOLD_MS = 2000;

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

/** Holds changes of an interface's peers by nftables. Without it a change under load may take longer. */
export class SwitchOvers {
  readonly #interfaceName: string;
  readonly #nft: typeof runNft;
  #holds: (Hold & { readonly endsAt: number })[] = [];
  #work: Promise<unknown> = Promise.resolve();

  /** @param nft runs nft, as runNft */
  constructor(interfaceName: string, nft: typeof runNft = runNft) {
    this.#interfaceName = interfaceName;
    this.#nft = nft;
  }

  /**
   * Holds these changes for a moment: WireGuard makes them with the next packet, or when its endpoint is set.
   * Never rejects: where nft does nothing, WireGuard may go back and forth. Two families, and link-local
   * addresses, cannot be held.
   */
  async hold(changes: readonly SwitchOver[], listenPort: number, now: number): Promise<void> {
    const added = changes
      .filter(({ from, to }) => from.family === to.family && !isZoned(from) && !isZoned(to))
      .map((change) => ({ ...change, listenPort, forMs: HOLD_MS, endsAt: now + HOLD_MS }));
    this.#holds.push(...added);
    await this.#write(new Set(added.map(({ from }) => from.family)), now);
  }

  /** Removes what has ended. */
  work(now: number): void {
    if (now >= this.nextAt) {
      const ended = this.#holds.filter(({ endsAt }) => endsAt <= now);
      void this.#write(new Set(ended.map(({ from }) => from.family)), now);
    }
  }

  /** When there is something to remove; Infinity for never. */
  get nextAt(): number {
    return Math.min(Number.POSITIVE_INFINITY, ...this.#holds.map(({ endsAt }) => endsAt));
  }

  /** Ends all holds. Never rejects. */
  close(): Promise<void> {
    const families = FAMILIES.filter((it) => this.#holds.some(({ from }) => from.family === it));
    return this.#write(new Set(families), Number.POSITIVE_INFINITY);
  }

  /** One call after the other, each with what holds then. */
  #write(families: ReadonlySet<Family>, now: number): Promise<void> {
    this.#holds = this.#holds.filter(({ endsAt }) => endsAt > now);
    const holds = this.#holds.map((hold) => ({ ...hold, forMs: hold.endsAt - now }));
    const scripts = [...families].map((family) => {
      const own = holds.filter(({ from }) => from.family === family);
      return holdScript(this.#interfaceName, family, own);
    });
    const done = this.#work.then(async () => {
      for (const script of scripts) {
        await this.#nft(['-f', '-'], script);
      }
    });
    this.#work = done.catch(() => {});
    return this.#work as Promise<void>;
  }
}

/** nft takes no address with a zone. */
function isZoned({ address }: Endpoint): boolean {
  return address.includes('%');
}
