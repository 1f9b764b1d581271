import { hasBindMac, writeBindMac } from '../../sealed/bind-mac.js';
import { wipe } from '../../sealed/wipe.js';
import { type Endpoint, type Family, sameEndpoint } from '../../wire/endpoint.js';
import {
  BIND_LENGTH,
  BIND_OFFSET,
  BINDING,
  isBound,
  readBindCounter,
  readBindId,
  readBindingState,
  writeBind,
} from '../../wire/relay.js';
import type { RelayOffer } from '../../wire/sealed-frame-reader.js';
import { retryDelay } from './in-flight.js';

/** A bind that is not answered `connected` is repeated after this long at first, twice as long each time. */
const FIRST_RETRY_MS = 250;
const MAX_RETRY_MS = 1000;

/** After so many of them they are this far apart. */
const PATIENT_BINDS = 20;
const PATIENT_RETRY_MS = 5000;

/** A connected binding is renewed this often: NATs keep a mapping for 30 s, the server for 60 s. */
const REFRESH_MS = 20_000;

/** After so many unanswered binds a binding counts as lost: the server may have restarted. */
const LOST_BINDS = 4;

/** `none`: no offer. `binding`: not bound yet. `bound`: the peer is not. `connected`: both are. */
export type RelayState = 'none' | 'binding' | 'bound' | 'connected';

/** The relay port of one peer. */
class Binding {
  state: Exclude<RelayState, 'none'> = 'binding';
  counter = 0;
  /** The counter of the last bind that was answered. */
  answered = 0;
  /** Binds since the last that was answered `connected`. */
  sends = 0;
  /** Binds since the last that was answered at all. */
  unanswered = 0;
  dueAt = Number.NEGATIVE_INFINITY;
  readonly token = new Uint8Array(BIND_OFFSET.mac - BIND_OFFSET.token);

  constructor(
    public offer: RelayOffer,
    public endpoint: Endpoint | undefined,
  ) {}

  /** Binds anew, with other credentials or to another address. */
  restart(): void {
    this.sends = 0;
    this.unanswered = 0;
    this.dueAt = Number.NEGATIVE_INFINITY;
    this.token.fill(0);
  }
}

export interface RelayBindingsOptions {
  /** Sends a bind from WireGuard's own port. The bytes are reused. */
  send(to: Endpoint, message: Uint8Array): void;
  /** The state of a peer's relay changed. */
  changed(key: string): void;
  /** The server answers no binds any more: it may have lost its sessions as well. */
  lost(now: number): void;
}

/**
 * Binds WireGuard's port to the relay ports that the server offers (docs/protocol.md, "Binding"), and keeps it
 * bound. Peers are named by base64 key. Bytes and times come in, bytes go out; pure.
 */
export class RelayBindings {
  readonly #options: RelayBindingsOptions;
  readonly #bindings = new Map<string, Binding>();
  readonly #message = new Uint8Array(BIND_LENGTH);
  #server: Endpoint | undefined;

  constructor(options: RelayBindingsOptions) {
    this.#options = options;
  }

  state(key: string): RelayState {
    return this.#bindings.get(key)?.state ?? 'none';
  }

  /** Where the peer is reached by the relay; undefined while one of the two is not bound. */
  endpoint(key: string): Endpoint | undefined {
    const binding = this.#bindings.get(key);
    return binding?.state === 'connected' ? binding.endpoint : undefined;
  }

  /** The families in which answers are to be received. */
  get families(): ReadonlySet<Family> {
    return new Set([...this.#bindings.values()].flatMap(({ endpoint }) => endpoint?.family ?? []));
  }

  /** Sets the server's address. With another one all bindings are made anew. */
  useServer(server: Endpoint | undefined): void {
    if (sameEndpoint(server, this.#server)) {
      return;
    }
    const isOther = server?.address !== this.#server?.address;
    this.#server = server;
    for (const [key, binding] of this.#bindings) {
      binding.endpoint = this.#endpointOf(binding.offer);
      if (isOther) {
        binding.restart();
        this.#set(key, binding, 'binding');
      }
    }
  }

  /** WireGuard's port, or an address of this host, changed: the NAT's mapping is another one. */
  moved(): void {
    for (const binding of this.#bindings.values()) {
      binding.restart();
    }
  }

  /** The server answers nothing else: bindings are renewed at once, and lost if that is not answered either. */
  doubted(now: number): void {
    for (const binding of this.#bindings.values()) {
      if (binding.state === 'connected' && binding.unanswered === 0) {
        binding.dueAt = now;
      }
    }
  }

  /** The server offers a relay port for a peer. New credentials for the same port leave it bound. */
  offered(key: string, offer: RelayOffer): void {
    const binding = this.#bindings.get(key);
    if (binding === undefined) {
      this.#bindings.set(key, new Binding(offer, this.#endpointOf(offer)));
      return;
    }
    if (binding.offer.id === offer.id) {
      return;
    }
    const isOtherPort = binding.offer.port !== offer.port;
    wipe(binding.offer.key);
    binding.offer = offer;
    binding.counter = 0;
    binding.answered = 0;
    binding.restart();
    if (isOtherPort) {
      binding.endpoint = this.#endpointOf(offer);
      this.#set(key, binding, 'binding');
    }
  }

  /** The peer is not relayed any more; its binding expires. */
  drop(key: string): void {
    const binding = this.#bindings.get(key);
    if (binding !== undefined) {
      wipe(binding.offer.key);
      this.#bindings.delete(key);
      this.#options.changed(key);
    }
  }

  /** Drops the peers for which the test fails. */
  keepOnly(isWanted: (key: string) => boolean): void {
    for (const key of [...this.#bindings.keys()].filter((key) => !isWanted(key))) {
      this.drop(key);
    }
  }

  /** Forgets all. */
  wipe(): void {
    this.keepOnly(() => false);
  }

  /** Sends the binds that are due. */
  work(now: number): void {
    let isLost = false;
    for (const [key, binding] of this.#bindings) {
      if (binding.dueAt <= now && binding.endpoint !== undefined) {
        isLost = this.#send(key, binding, binding.endpoint, now) || isLost;
      }
    }
    if (isLost) {
      this.#options.lost(now);
    }
  }

  /** When there is something to send; Infinity for never. */
  get nextAt(): number {
    const due = [...this.#bindings.values()].map(({ endpoint, dueAt }) =>
      endpoint === undefined ? Number.POSITIVE_INFINITY : dueAt,
    );
    return Math.min(Number.POSITIVE_INFINITY, ...due);
  }

  /** Takes in a datagram from a relay port; ignores what does not answer us. */
  received(from: Endpoint, message: Uint8Array, now: number): void {
    if (!isBound(message, 0, message.length)) {
      return;
    }
    const id = readBindId(message, 0);
    for (const [key, binding] of this.#bindings) {
      const isIts = binding.offer.id === id && sameEndpoint(from, binding.endpoint);
      if (isIts && hasBindMac(message, 0, binding.offer.key)) {
        this.#answered(key, binding, message, now);
        this.work(now);
        return;
      }
    }
  }

  #answered(key: string, binding: Binding, message: Uint8Array, now: number): void {
    const counter = readBindCounter(message, 0);
    const state = readBindingState(message, 0);
    const isLatest = counter === binding.counter && counter !== binding.answered;
    const isUnasked = counter > 0 && counter === binding.answered && state === BINDING.connected;
    if (!isLatest && !isUnasked) {
      return;
    }
    binding.answered = counter;
    binding.unanswered = 0;
    if (state === BINDING.challenged) {
      binding.token.set(message.subarray(BIND_OFFSET.token, BIND_OFFSET.mac));
      binding.dueAt = now;
      this.#set(key, binding, 'binding');
      return;
    }
    binding.token.fill(0);
    if (state === BINDING.connected) {
      binding.sends = 0;
      binding.dueAt = now + REFRESH_MS;
      this.#set(key, binding, 'connected');
    } else {
      this.#set(key, binding, 'bound');
    }
  }

  /** Whether the binding is lost with that: too many binds were not answered. */
  #send(key: string, binding: Binding, to: Endpoint, now: number): boolean {
    const { offer, token } = binding;
    const message = this.#message;
    writeBind(message, 0, offer.id, ++binding.counter);
    message.set(token, BIND_OFFSET.token);
    writeBindMac(message, 0, offer.key);
    this.#options.send(to, message);
    binding.sends++;
    binding.unanswered++;
    binding.dueAt =
      now +
      (binding.sends > PATIENT_BINDS
        ? PATIENT_RETRY_MS
        : retryDelay(binding.sends, FIRST_RETRY_MS, MAX_RETRY_MS));
    const isLost = binding.unanswered === LOST_BINDS;
    if (isLost) {
      this.#set(key, binding, 'binding');
    }
    return isLost;
  }

  #set(key: string, binding: Binding, state: Binding['state']): void {
    if (binding.state !== state) {
      binding.state = state;
      this.#options.changed(key);
    }
  }

  #endpointOf({ port }: RelayOffer): Endpoint | undefined {
    return this.#server && { ...this.#server, port };
  }
}
