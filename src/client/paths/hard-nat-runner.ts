import { SocketBank } from '../../socket/socket-bank.js';
import { type Endpoint, sameEndpoint } from '../../wire/endpoint.js';
import type { MovedFlow } from './flow-script.js';
import type { FlowTranslation } from './flow-translation.js';
import { HardNat, type HardNatAction, type HardNatPeer } from './hard-nat.js';
import type { HardNatStep } from './hard-nat-problems.js';
import type { RandomBelow } from './port-guesses.js';

/** WireGuard's interface, as far as it matters here. */
export interface HardNatDevice {
  readonly listenPort: number;
  readonly fwmark: number;
}

/** What the many sockets need of the connectivity checks. Peers are named by their keys. */
export interface HardNatLink {
  /** Sends a probe to a peer from WireGuard's port. */
  sendProbe(key: string, to: Endpoint): void;
  /** A probe to a peer that is not sent from WireGuard's port; undefined where none can be made. */
  encodeProbe(key: string): Uint8Array | undefined;
  /**
   * Reads what came from the peer's endpoint to one of the sockets; undefined if it is not genuine. `answer` is
   * sent back from the same socket.
   */
  read(key: string, payload: Uint8Array, from: Endpoint): { answer?: Uint8Array } | undefined;
  /** This host's address towards an endpoint. */
  localAddress(to: Endpoint): string;
  /** Whether the interface has no other peers to manage, so that its port can be changed for this one. */
  isOnlyPeer(key: string): boolean;
  /** Sets WireGuard's port. */
  setListenPort(port: number): Promise<void>;
  /** WireGuard's packets to the peer now leave by the port that got through: have the peer use it. */
  moved(key: string, flow: MovedFlow): void;
  /** The same, where WireGuard itself now has that port, for the reason given. */
  portChanged(key: string, flow: MovedFlow, reason: string): void;
  /** A step for the peer failed, with a line for the user; undefined: it succeeded. */
  report(key: string, step: HardNatStep, problem: string | undefined): void;
}

export interface HardNatRunnerOptions {
  readonly link: HardNatLink;
  readonly translation: FlowTranslation;
  readonly random: RandomBelow;
  /** Milliseconds of the clock of `work`. */
  now(): number;
}

/** A peer's sockets of this round, or the one that got through. */
interface Bank {
  readonly sockets: SocketBank;
  readonly remote: Endpoint;
  winner: number | undefined;
  wonAt: number;
}

/** A way that got through and brought no connection in this time is given up for another round. */
const WIN_MS = 15_000;

/** Carries out what HardNat decides: sockets, probes, and the translation of the flow that got through. */
export class HardNatRunner {
  readonly #options: HardNatRunnerOptions;
  readonly #machine: HardNat;
  readonly #peers = new Map<string, HardNatPeer>();
  readonly #banks = new Map<string, Bank>();
  #device: HardNatDevice | undefined;
  #closing: Promise<unknown> = Promise.resolve();

  constructor(options: HardNatRunnerOptions) {
    this.#options = options;
    this.#machine = new HardNat(options.random);
  }

  /** Takes the interface as read last. */
  use(device: HardNatDevice | undefined): void {
    this.#device = device;
  }

  /** Tries to reach a peer, until it is removed or a socket got through. */
  add(key: string, peer: HardNatPeer, now: number): void {
    const bank = this.#banks.get(key);
    if (bank?.winner !== undefined && now < bank.wonAt + WIN_MS) {
      return;
    }
    this.#peers.set(key, peer);
    this.#machine.add(key, peer, now);
  }

  /** The peer is connected, or probes go another way: no more is tried. What got through stays. */
  stop(key: string): void {
    this.#peers.delete(key);
    this.#machine.remove(key);
    if (this.#banks.get(key)?.winner === undefined) {
      this.#closeBank(key);
    }
  }

  /**
   * Whether a socket got through to this endpoint a moment ago: the handshake that takes this way may be under
   * way, before WireGuard has the endpoint.
   */
  isFresh(remote: Endpoint, now: number): boolean {
    return [...this.#banks.values()].some(
      (bank) =>
        bank.winner !== undefined && sameEndpoint(bank.remote, remote) && now < bank.wonAt + WIN_MS,
    );
  }

  /** The way to this endpoint is given up: closes the socket that got through. */
  release(remote: Endpoint): void {
    for (const [key, bank] of this.#banks) {
      if (bank.winner !== undefined && sameEndpoint(bank.remote, remote)) {
        this.#closeBank(key);
      }
    }
  }

  /** Does what is due. */
  work(now: number): void {
    for (const action of this.#machine.actions(now)) {
      this.#carryOut(action);
    }
  }

  /** When there is something to do, if nothing changes before. */
  get nextAt(): number {
    return this.#machine.nextAt;
  }

  /** Closes all sockets. The translations are the caller's to close. */
  async close(): Promise<void> {
    for (const key of [...this.#banks.keys()]) {
      this.#closeBank(key);
    }
    await this.#closing;
  }

  #carryOut(action: HardNatAction): void {
    const { key } = action;
    if (action.type === 'probe') {
      this.#options.link.sendProbe(key, action.to);
    } else if (action.type === 'open') {
      this.#open(key, action.count);
    } else if (action.type === 'send') {
      this.#send(key, action.sockets);
    } else {
      this.#closeBank(key);
    }
  }

  #open(key: string, count: number): void {
    const peer = this.#peers.get(key);
    this.#closeBank(key);
    if (peer === undefined || this.#device === undefined) {
      return;
    }
    const { remote } = peer;
    try {
      const sockets = new SocketBank({
        family: remote.family,
        count,
        mark: this.#device.fwmark,
        onPayload: (socket, payload, from) => this.#received(key, socket, payload, from),
        // What an ICMP error tells of one way is no reason to give the others up.
        onError: () => {},
      });
      this.#banks.set(key, { sockets, remote, winner: undefined, wonAt: 0 });
      this.#options.link.report(key, 'open', undefined);
    } catch (error) {
      const { message } = error as Error;
      this.#options.link.report(key, 'open', `cannot open ${count} sockets: ${message}`);
    }
  }

  #send(key: string, sockets: readonly number[]): void {
    const bank = this.#banks.get(key);
    for (const socket of sockets) {
      const probe = bank && this.#options.link.encodeProbe(key);
      if (probe !== undefined) {
        bank?.sockets.send(socket, probe, bank.remote);
      }
    }
  }

  #received(key: string, socket: number, payload: Uint8Array, from: Endpoint): void {
    const bank = this.#banks.get(key);
    // Once a socket got through, WireGuard's flow takes its port. A datagram of the socket would make an entry
    // of its own for the same ports, and WireGuard's packets would find them taken.
    if (bank?.winner !== undefined || bank === undefined || !sameEndpoint(from, bank.remote)) {
      return;
    }
    const genuine = this.#options.link.read(key, payload, from);
    if (genuine === undefined) {
      return;
    }
    if (genuine.answer !== undefined) {
      bank.sockets.send(socket, genuine.answer, from);
    }
    bank.winner = socket;
    bank.wonAt = this.#options.now();
    this.#peers.delete(key);
    this.#machine.remove(key);
    void this.#move(key, bank, socket);
    // After nft was started: the closing of so many takes a moment.
    bank.sockets.keepOnly(socket);
  }

  async #move(key: string, bank: Bank, socket: number): Promise<void> {
    const { link, translation } = this.#options;
    const { remote } = bank;
    const port = bank.sockets.portOf(socket);
    if (port === undefined || this.#device === undefined) {
      return;
    }
    const flow = { remote, listenPort: this.#device.listenPort, port };
    const isUsed = () => this.#banks.get(key) === bank;
    let failure: string | undefined;
    try {
      await translation.move(flow, link.localAddress(remote));
    } catch (error) {
      failure = (error as Error).message;
    }
    const obstacle =
      failure !== undefined && isUsed() ? await this.#changePort(key, bank, port) : undefined;
    link.report(
      key,
      'move',
      obstacle && `a way through its NAT was found and cannot be used: ${failure}; ${obstacle}`,
    );
    if (obstacle !== undefined) {
      this.#closeBank(key);
    } else if (isUsed()) {
      if (failure === undefined) {
        link.moved(key, flow);
      } else {
        link.portChanged(key, flow, failure);
      }
    }
  }

  /** Has WireGuard itself use the port. Returns why it does not, or undefined. */
  async #changePort(key: string, { sockets }: Bank, port: number): Promise<string | undefined> {
    const { link } = this.#options;
    if (!link.isOnlyPeer(key)) {
      return "the interface has other peers, for which WireGuard's own port stays";
    }
    await sockets.close();
    try {
      await link.setListenPort(port);
      return undefined;
    } catch (error) {
      return `WireGuard's own port could not be changed either: ${(error as Error).message}`;
    }
  }

  #closeBank(key: string): void {
    const bank = this.#banks.get(key);
    this.#banks.delete(key);
    if (bank !== undefined) {
      this.#closing = Promise.all([this.#closing, bank.sockets.close()]);
    }
  }
}
