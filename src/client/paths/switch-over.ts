import { within } from '../../socket/time-limit.js';
import { type Endpoint, FAMILIES, type Family } from '../../wire/endpoint.js';
import { runNft } from './nft.js';
import { type Hold, holdScript, type SwitchOver } from './switch-script.js';

/** A one-way trip on either path, with some margin; a peer that does not follow has the old path back then. */
const HOLD_MS = 2000;
/** A change, and the end, wait for nft no longer than this: all peers of the interface wait with a change. */
const MAX_WAIT_MS = 1000;
/** What a killed client left matches nothing any more: its removal waits until peers are connected. */
const SWEEP_AFTER_MS = 10_000;

const UNHELD = 'changes to a better path take longer under load, as nft cannot hold them';

/** Holds changes of an interface's peers by nftables. Without it a change under load may take longer. */
export class SwitchOvers {
  readonly #interfaceName: string;
  readonly #report: (problem: string | undefined) => void;
  readonly #nft: typeof runNft;
  #holds: (Hold & { readonly endsAt: number })[] = [];
  #work: Promise<Error | undefined> = Promise.resolve(undefined);
  /** When what an earlier run left is removed; undefined until the first work. */
  #sweepAt: number | undefined;

  /**
   * @param report gets one line about a hold that failed; undefined when one succeeded
   * @param nft runs nft, as runNft
   */
  constructor(
    interfaceName: string,
    report: (problem: string | undefined) => void,
    nft: typeof runNft = runNft,
  ) {
    this.#interfaceName = interfaceName;
    this.#report = report;
    this.#nft = nft;
  }

  /**
   * Holds these changes for a moment: WireGuard makes them with the next packet, or when its endpoint is set.
   * Never rejects, and takes a second at most: where nft does nothing, WireGuard may go back and forth, which is
   * reported. Two families, and link-local addresses, cannot be held.
   */
  async hold(changes: readonly SwitchOver[], listenPort: number, now: number): Promise<void> {
    const added = changes
      .filter(({ from, to }) => from.family === to.family && !isZoned(from) && !isZoned(to))
      .map((change) => ({ ...change, listenPort, forMs: HOLD_MS, endsAt: now + HOLD_MS }));
    this.#holds.push(...added);
    if (added.length > 0) {
      const written = this.#write(new Set(added.map(({ from }) => from.family)), now).then(
        (failure) => this.#report(failure && `${UNHELD}: ${failure.message}`),
      );
      await within(MAX_WAIT_MS, written, () => undefined);
    }
  }

  /** Removes what has ended, and what an earlier run left. */
  work(now: number): void {
    this.#sweepAt ??= now + SWEEP_AFTER_MS;
    if (now >= this.#sweepAt) {
      this.#sweepAt = Number.POSITIVE_INFINITY;
      void this.#write(new Set(FAMILIES), now);
    } else if (now >= this.nextAt) {
      const ended = this.#holds.filter(({ endsAt }) => endsAt <= now);
      void this.#write(new Set(ended.map(({ from }) => from.family)), now);
    }
  }

  /** When there is something to remove; Infinity for never. */
  get nextAt(): number {
    const { POSITIVE_INFINITY } = Number;
    return Math.min(this.#sweepAt ?? POSITIVE_INFINITY, ...this.#holds.map(({ endsAt }) => endsAt));
  }

  /** Ends all holds, within a second; what nft does not end then ends by itself. Never rejects. */
  async close(): Promise<void> {
    const families = FAMILIES.filter((it) => this.#holds.some(({ from }) => from.family === it));
    const written = this.#write(new Set(families), Number.POSITIVE_INFINITY);
    await within(MAX_WAIT_MS, written, () => undefined);
  }

  /** One call after the other, each with what holds then. Returns the first failure. */
  #write(families: ReadonlySet<Family>, now: number): Promise<Error | undefined> {
    this.#holds = this.#holds.filter(({ endsAt }) => endsAt > now);
    const holds = this.#holds.map((hold) => ({ ...hold, forMs: hold.endsAt - now }));
    const scripts = [...families].map((family) => {
      const own = holds.filter(({ from }) => from.family === family);
      return holdScript(this.#interfaceName, family, own);
    });
    this.#work = this.#work.then(async () => {
      let failure: Error | undefined;
      for (const script of scripts) {
        // A host without one family has the other.
        await this.#nft(['-f', '-'], script).catch((error: Error) => {
          failure ??= error;
        });
      }
      return failure;
    });
    return this.#work;
  }
}

/** nft takes no address with a zone. */
function isZoned({ address }: Endpoint): boolean {
  return address.includes('%');
}
