import { RELAY_REFUSAL, type RelayRefusal } from '../../wire/sealed-frames.js';
import type { Allocation, Side } from '../relay/allocations.js';
import type { RelayHandler } from '../relay/relay-handler.js';
import type { AllowList } from './allow-list.js';
import type { ClientRecord, Want } from './client-record.js';

/** Gives relay ports to pairs that want each other and of which one asks for it. */
export class RelayRequests {
  /** The keys that may use the relay; all when undefined. */
  allow: AllowList | undefined;

  /**
   * @param relay undefined if the server does not relay
   * @param update notes that the owner of a want has an update about its peer
   */
  constructor(
    private readonly relay: RelayHandler<Want> | undefined,
    private readonly update: (want: Want) => void,
  ) {}

  /** Whether the server relays at all. */
  get isOffered(): boolean {
    return this.relay !== undefined;
  }

  /**
   * A client asks for a relay to these peers, and to no others any more.
   * @param counter of the message in the client's current session
   * @returns false when it is older than the one before, and so ignored
   */
  ask(client: ClientRecord, keys: readonly string[], counter: number): boolean {
    const isFirst = !client.knowsRelay;
    if (!isFirst && counter < client.relayCounter) {
      return false;
    }
    client.relaySession = client.sessionNumber;
    client.relayCounter = counter;
    const asked = new Set(keys);
    for (const want of client.relayed) {
      if (!asked.has(want.key)) {
        this.withdraw(want);
      }
    }
    if (isFirst) {
      this.renew(client, asked);
    }
    for (const key of asked) {
      const want = client.wants.get(key);
      if (want !== undefined) {
        client.relayed.add(want);
        this.match(want);
      }
    }
    return true;
  }

  /** Two clients want each other from now on. */
  matched(want: Want): void {
    if (want.owner.relayed.has(want) || want.reverse?.owner.relayed.has(want.reverse)) {
      this.match(want);
    }
  }

  /**
   * Two clients do not want each other any more, or one has left.
   * @param isLeaving their tunnel may go on: its client was only stopped or restarted
   */
  parted(want: Want, isLeaving: boolean): void {
    const { relay } = want;
    for (const one of [want, want.reverse]) {
      if (one?.relay !== undefined) {
        one.relay.isAsked = false;
        one.relay.user = undefined;
        one.relay = undefined;
      }
    }
    if (relay !== undefined && !isLeaving) {
      this.relay?.close(relay.allocation);
    }
    want.relayRefusal = undefined;
    if (want.reverse !== undefined) {
      want.reverse.relayRefusal = undefined;
    }
  }

  /** A want is gone, and its owner's request with it. */
  forget(want: Want): void {
    want.owner.relayed.delete(want);
  }

  /** A new session took over: what the client asked for in the one before does not count in it. */
  restart(client: ClientRecord): void {
    for (const want of client.relayed) {
      this.withdraw(want);
    }
  }

  /** Call this about every 50 ms: closes unused allocations. */
  tick(now: number): void {
    for (const allocation of this.relay?.tick(now) ?? []) {
      this.close(allocation);
    }
  }

  /** From now on only these keys may use the relay. */
  allowOnly(allow: AllowList): void {
    this.allow = allow;
    this.closeOthers(allow);
  }

  /**
   * Closes the allocations of other keys than these, also where the tunnel of a pair outlived its clients'
   * registrations. Sides that ask are refused.
   */
  closeOthers(allow: AllowList): void {
    for (const allocation of this.relay?.allocations.all ?? []) {
      const { sides } = allocation;
      if (sides.every(({ owner }) => has(allow, owner))) {
        continue;
      }
      const [want] = sides.flatMap(({ user }) => user ?? []);
      this.close(allocation);
      if (want !== undefined) {
        this.refuse(want, RELAY_REFUSAL.notAllowed);
      }
    }
  }

  private withdraw(want: Want): void {
    want.owner.relayed.delete(want);
    want.relayRefusal = undefined;
    if (want.relay !== undefined) {
      want.relay.isAsked = false;
    }
  }

  /** In a new session the client gets new credentials for what it has; what it does not ask for is pushed. */
  private renew(client: ClientRecord, asked: ReadonlySet<string>): void {
    for (const want of client.wants.values()) {
      if (want.relay !== undefined) {
        this.relay?.allocations.renew(want.relay);
        if (!asked.has(want.key)) {
          this.update(want);
        }
      }
    }
  }

  /** Gives a pair a port if it may have one; the caller updates the owner of the want. */
  private match(want: Want): void {
    const { reverse } = want;
    if (reverse === undefined) {
      return;
    }
    if (want.relay === undefined) {
      const outcome = this.allocate(want, reverse);
      if (typeof outcome === 'number') {
        this.refuse(want, outcome);
        return;
      }
      this.join(outcome, want);
      this.join(outcome, reverse);
      this.update(reverse);
    }
    for (const one of [want, reverse]) {
      one.relay!.isAsked = one.owner.relayed.has(one);
      one.relayRefusal = undefined;
    }
  }

  private allocate(want: Want, reverse: Want): Allocation<Want> | RelayRefusal {
    const { relay } = this;
    if (relay === undefined) {
      return RELAY_REFUSAL.noRelay;
    }
    if (!this.mayUse(want)) {
      relay.counts.notAllowed++;
      return RELAY_REFUSAL.notAllowed;
    }
    const { key, source } = want.owner;
    const allocation = relay.open([key, reverse.owner.key], source);
    if (allocation === undefined) {
      relay.counts.full++;
      return RELAY_REFUSAL.full;
    }
    relay.counts.allocated++;
    return allocation;
  }

  private join(allocation: Allocation<Want>, want: Want): void {
    const side: Side<Want> = allocation.sideOf(want.owner.key);
    want.relay = side;
    side.user = want;
    this.relay?.allocations.renew(side);
  }

  private refuse(want: Want, reason: RelayRefusal): void {
    const { reverse } = want;
    for (const one of [want, reverse]) {
      if (one?.owner.relayed.has(one) && one.relayRefusal !== reason) {
        one.relayRefusal = reason;
        if (one !== want) {
          this.update(one);
        }
      }
    }
  }

  private mayUse({ owner, key }: Want): boolean {
    const { allow } = this;
    return allow === undefined || (has(allow, owner.key) && has(allow, key));
  }

  private close(allocation: Allocation<Want>): void {
    this.relay?.close(allocation);
    for (const { user } of allocation.sides) {
      if (user !== undefined) {
        user.relay = undefined;
        this.update(user);
      }
    }
  }
}

/** @param key see keyText */
function has(allow: AllowList, key: string): boolean {
  return allow.has(Buffer.from(key, 'latin1'));
}
