import { CellRate } from '../limits/cell-rate.js';
import { type Endpoint, type Family, sameEndpoint } from '../wire/endpoint.js';
import { formatPublicKey, type PublicKey } from '../wire/key.js';
import type { Device, Peer, PeerConfig } from '../wireguard/device.js';
import { isInTunnel, type RefusalContext, tunnelPrefixes } from './endpoint-refusal.js';
import type { SoughtPeer } from './finder.js';
import type { HardNatPeer } from './paths/hard-nat.js';
import { type NatBehaviour, UNKNOWN_BEHAVIOUR } from './paths/nat-behaviour.js';
import type { IncomingProbe, OutgoingProbe } from './paths/probe-exchange.js';
import type { SwitchOver } from './paths/switch-script.js';
import { type OwnNat, PeerTrack, type PeerView } from './peer-track.js';
import { IDLE_POLL_MS } from './timing.js';

/** The next probes wait this long while all peers together have had theirs. */
const BUSY_MS = 20;
/** Probes to all peers together. */
const ALL_PROBES = new CellRate({ rate: 500, burst: 250 });
/** The same bucket, twice as deep: a search for paths must not keep a handshake from being announced. */
const ANNOUNCEMENTS = new CellRate({ rate: 500, burst: 500 });

export interface PeerBookOptions {
  /** Seconds for peers that have no keepalive; 0 = leave them without. */
  readonly keepalive: number;
  /** Whether a peer that never connected may be taken out and put back. @default true */
  readonly replace?: boolean;
  /** Base64 keys of the only peers to manage; undefined = all. */
  readonly only?: ReadonlySet<string> | undefined;
  /** The round trip to a peer, by base64 key, in milliseconds, as far as it is known. @default unknown */
  readonly roundTripMs?: (key: string) => number | undefined;
  /** Whether peers learn of this host when it learns of them: the server informs both. @default false */
  readonly isSimultaneous?: () => boolean;
  /** Whether probes are authenticated by a secret of the two hosts. @default false */
  readonly isSecret?: () => boolean;
  /** The addresses at which the server sees this host. @default none */
  readonly outside?: () => readonly string[];
  /** The TTL of openers; undefined where they are of no use. @default undefined */
  readonly openerTtl?: () => number | undefined;
  /** What is known of this host's NAT for a family. @default nothing */
  readonly natBehaviour?: (family: Family) => NatBehaviour;
  /** Where the servers are. @default unknown */
  readonly servers?: () => readonly Endpoint[];
  /** Whether a server is on this host. @default false */
  readonly isServerLocal?: () => boolean;
  /** What the user calls peers, by base64 key. @default the first eight characters of the key */
  readonly names?: ReadonlyMap<string, string>;
  /** The base64 key of a peer to leave alone unless it is one of `only`. @default none */
  readonly skip?: (device: Device) => string | undefined;
}

/**
 * The managed peers of an interface: what is known of each, and what to change.
 * Pure: it does no I/O and takes the time, in milliseconds of one monotonic clock.
 */
export class PeerBook {
  readonly #options: PeerBookOptions;
  readonly #tracks = new Map<string, PeerTrack>();
  #ownKey: string | undefined;
  #own: PublicKey | undefined;
  #listenPort: number | undefined;
  #allowedIps: readonly string[] = [];
  /** The same object as long as nothing in it changes. */
  #refusalContext: RefusalContext = { tunnel: tunnelPrefixes([]), isServerLocal: false };
  #skipsAll = false;
  #transaction = 0;
  #bucket = 0;
  /** The place of the peer whose turn to send probes is next. */
  #turn = 0;

  constructor(options: PeerBookOptions) {
    this.#options = options;
  }

  /** The managed peers by base64 key: one map that lives as long as the book. */
  get peers(): ReadonlyMap<string, SoughtPeer> {
    return this.#tracks;
  }

  /**
   * Takes in a reading of the interface and returns the changes to make, at once, while it is fresh.
   * @param wallNow milliseconds since the epoch at `now`
   */
  read(device: Device, now: number, wallNow: number): PeerConfig[] {
    this.#follow(device);
    this.#readRefusalContext(device);
    if (device.listenPort !== this.#listenPort) {
      this.#listenPort = device.listenPort;
      this.moved(now);
    }
    const managed = this.#managed(device);
    this.#skipsAll = managed.length === 0 && this.#options.only === undefined;
    const keys = new Set(managed.map((peer) => formatPublicKey(peer.publicKey)));
    for (const gone of [...this.#tracks.keys()].filter((key) => !keys.has(key))) {
      this.#tracks.delete(gone);
    }
    return managed.flatMap((peer) => this.#peerRead(peer, now, wallNow));
  }

  /** An address or the port of this host changed. */
  moved(now: number): void {
    for (const track of this.#tracks.values()) {
      track.moved(now);
    }
  }

  /** Why endpoints of peers are not used: a line for each such peer. */
  get refusals(): string[] {
    return [...this.#tracks].flatMap(([key, { refusal }]) =>
      refusal === undefined ? [] : [`peer ${this.#nameOf(key)}: ${refusal}`],
    );
  }

  /** Whether packets to an address go into the tunnel, as far as AllowedIPs tell. */
  isInTunnel(address: string): boolean {
    return isInTunnel(address, this.#refusalContext.tunnel);
  }

  /** The interface has no peers any more, or is gone itself. */
  clear(): void {
    this.#tracks.clear();
  }

  /** Of the changes last returned, these have been made. */
  changesMade(changes: readonly PeerConfig[], now: number): void {
    for (const { publicKey } of changes) {
      this.#tracks.get(formatPublicKey(publicKey))?.changeMade(now);
    }
  }

  /** The changes last returned were not made. */
  changesFailed(now: number): void {
    for (const track of this.#tracks.values()) {
      track.changeFailed(now);
    }
  }

  /** How long a reading of the interface stays good, in milliseconds; 0 = a change is to be made. */
  pollInterval(now: number): number {
    let interval = IDLE_POLL_MS;
    for (const track of this.#tracks.values()) {
      interval = Math.min(interval, track.pollInterval(now));
    }
    return interval;
  }

  /**
   * The probes to send now, with the base64 key of the peer that each is for; they count as sent. Where all peers
   * together have had theirs, the next call begins with the first one that had none.
   */
  probes(now: number): [key: string, probe: OutgoingProbe][] {
    const probes: [string, OutgoingProbe][] = [];
    const tracks = [...this.#tracks];
    const inTurn = [...tracks.slice(this.#turn), ...tracks.slice(0, this.#turn)];
    for (const [i, [key, track]] of inTurn.entries()) {
      if (!ALL_PROBES.has(this.#bucket, now)) {
        this.#turn = (this.#turn + i) % tracks.length;
        break;
      }
      probes.push(...this.#take(key, track, now));
    }
    return probes;
  }

  /**
   * What peers hear before the handshakes that the last reading decided start. These probes may exceed the rate
   * of all by ANNOUNCEMENTS, and later ones wait the longer.
   */
  announcements(now: number): [key: string, probe: OutgoingProbe][] {
    const probes: [string, OutgoingProbe][] = [];
    for (const [key, track] of this.#tracks) {
      const probe = ANNOUNCEMENTS.has(this.#bucket, now) ? track.announcement(now) : undefined;
      if (probe !== undefined) {
        this.#bucket = ALL_PROBES.take(this.#bucket, now);
        probes.push([key, probe]);
      }
    }
    return probes;
  }

  /** The same for the peer with this base64 key alone. */
  probesTo(key: string, now: number): [key: string, probe: OutgoingProbe][] {
    const track = this.#tracks.get(key);
    if (track === undefined || !ALL_PROBES.has(this.#bucket, now)) {
      return [];
    }
    return this.#take(key, track, now);
  }

  /** Takes the probes of a peer, which count against those of all. */
  #take(key: string, track: PeerTrack, now: number): [key: string, probe: OutgoingProbe][] {
    return track.probes(now).map((probe) => {
      this.#bucket = ALL_PROBES.take(this.#bucket, now);
      return [key, probe];
    });
  }

  /** A probe of the peer with this base64 key arrived; returns whether it counts. */
  heard(key: string, probe: IncomingProbe, now: number): boolean {
    return this.#tracks.get(key)?.heard(probe, now) ?? false;
  }

  /** The peers that can be reached through a hard NAT only, by base64 key. */
  hardNats(own: (family: Family) => OwnNat, now: number): Map<string, HardNatPeer> {
    const found = new Map<string, HardNatPeer>();
    for (const [key, track] of this.#tracks) {
      const peer = track.hardNat(own, now);
      if (peer !== undefined) {
        found.set(key, peer);
      }
    }
    return found;
  }

  /** Until then all peers that are sought may connect without anything being known of the NATs. */
  connectsBy(now: number): number {
    const times = [...this.#tracks.values()].map((track) => track.connectsBy(now));
    return Math.max(Number.NEGATIVE_INFINITY, ...times);
  }

  /** Whether a peer is sought of which nothing has arrived. */
  isSeeking(now: number): boolean {
    return [...this.#tracks.values()].some((track) => track.isSought(now));
  }

  /** Whether WireGuard still sends to this endpoint although its peer has stopped answering there. */
  isLost(at: Endpoint, now: number): boolean {
    return [...this.#tracks.values()].some((track) => track.isLost(at, now));
  }

  /** WireGuard's packets take a new way to the peer with this base64 key. */
  opened(key: string, now: number): void {
    this.#tracks.get(key)?.opened(now);
  }

  /** A number for a request that no other of this run has, greater each time. */
  nextTransaction(): number {
    return this.#transaction++;
  }

  /** The run of the peer with this base64 key, as it said itself. */
  runOf(key: string): number | undefined {
    return this.#tracks.get(key)?.run;
  }

  /** Base64 keys of the peers whose probes may arrive. */
  get probed(): string[] {
    return [...this.#tracks].flatMap(([key, { hasCandidates }]) => (hasCandidates ? [key] : []));
  }

  /** The changes from one working path to a better one that the next reading of the interface will call for. */
  switchOvers(now: number): SwitchOver[] {
    return [...this.#tracks.values()].flatMap((track) => track.switchOver(now) ?? []);
  }

  /** Whether the path of a connected peer became suspect since the last call. */
  takeSuspicion(): boolean {
    let isSuspect = false;
    for (const track of this.#tracks.values()) {
      isSuspect = track.takeSuspicion() || isSuspect;
    }
    return isSuspect;
  }

  /** When there are probes to send or handshakes to start, if nothing happens before. */
  nextAt(now: number): number {
    let next = Number.POSITIVE_INFINITY;
    for (const track of this.#tracks.values()) {
      next = Math.min(next, track.nextAt(now));
    }
    return ALL_PROBES.has(this.#bucket, now) ? next : Math.max(next, now + BUSY_MS);
  }

  /** Every managed peer as it stands now. */
  views(now: number): PeerView[] {
    return [...this.#tracks].map(([key, track]) => {
      const view = track.view(now);
      return { ...view, name: this.#nameOf(key) };
    });
  }

  #nameOf(key: string): string {
    return this.#options.names?.get(key) ?? key.slice(0, 8);
  }

  /** Base64 keys of peers that are to be managed and are not there. */
  get missing(): string[] {
    return [...(this.#options.only ?? [])].filter((key) => !this.#tracks.has(key));
  }

  /** Whether the interface has no peers but the one that is left alone. */
  get skipsAll(): boolean {
    return this.#skipsAll;
  }

  /** Whether there are peers, none is missing and each has a session that works. */
  allAlive(now: number): boolean {
    const tracks = [...this.#tracks.values()];
    return (
      tracks.length > 0 && this.missing.length === 0 && tracks.every((track) => track.isAlive(now))
    );
  }

  #managed(device: Device): Peer[] {
    const { only, skip } = this.#options;
    const skipped = only === undefined ? skip?.(device) : undefined;
    return device.peers.filter(({ publicKey }) => {
      const key = formatPublicKey(publicKey);
      return only?.has(key) ?? key !== skipped;
    });
  }

  /** After a change of our own key, everything known is void. */
  #follow({ publicKey }: Device): void {
    const key = publicKey && formatPublicKey(publicKey);
    if (key === undefined || key !== this.#ownKey) {
      this.#ownKey = key;
      this.#own = publicKey;
      this.#tracks.clear();
    }
  }

  #peerRead(peer: Peer, now: number, wallNow: number): PeerConfig[] {
    const key = formatPublicKey(peer.publicKey);
    const track = this.#tracks.get(key) ?? this.#newTrack(peer, now);
    if (track.wasRecreated(peer)) {
      this.#tracks.delete(key);
      return [{ publicKey: peer.publicKey, remove: true }];
    }
    this.#tracks.set(key, track);
    track.read(peer, now, wallNow);
    const { keepalive, replace = true } = this.#options;
    const change = track.change({ keepalive, replace }, now);
    return change === undefined ? [] : [change];
  }

  #readRefusalContext({ peers }: Device): void {
    const allowedIps = peers.flatMap((peer) => peer.allowedIps);
    const isServerLocal = this.#options.isServerLocal?.() ?? false;
    const servers = this.#options.servers?.() ?? [];
    const known = this.#refusalContext;
    const routesSame =
      this.#allowedIps.length === allowedIps.length &&
      this.#allowedIps.every((one, i) => one === allowedIps[i]);
    const isSame =
      routesSame &&
      known.isServerLocal === isServerLocal &&
      known.servers?.length === servers.length &&
      known.servers.every((one, i) => sameEndpoint(one, servers[i]));
    if (!isSame) {
      const tunnel = routesSame ? known.tunnel : tunnelPrefixes(allowedIps);
      this.#allowedIps = allowedIps;
      this.#refusalContext = { tunnel, isServerLocal, servers };
    }
  }

  #newTrack(peer: Peer, now: number): PeerTrack {
    const { roundTripMs, isSimultaneous, isSecret, outside, natBehaviour, openerTtl } =
      this.#options;
    return new PeerTrack(
      peer,
      {
        leads: this.#leads(peer),
        isSimultaneous: isSimultaneous?.() ?? false,
        isSecret: isSecret?.() ?? false,
        roundTripMs: () => roundTripMs?.(formatPublicKey(peer.publicKey)),
        openerTtl: () => openerTtl?.(),
        natBehaviour: (family) => natBehaviour?.(family) ?? UNKNOWN_BEHAVIOUR,
        isOwnOutside: (address) => outside?.().includes(address) ?? false,
        nextTransaction: () => this.nextTransaction(),
        refusalContext: () => this.#refusalContext,
      },
      now,
    );
  }

  /** Both sides must reach the same result: the greater public key leads, compared byte by byte. */
  #leads({ publicKey }: Peer): boolean {
    const own = this.#own;
    const differs = publicKey.findIndex((byte, i) => byte !== own?.[i]);
    return own !== undefined && differs >= 0 && own[differs]! > publicKey[differs]!;
  }
}
