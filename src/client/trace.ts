import { channel } from 'node:diagnostics_channel';
import type { Endpoint } from '../wire/endpoint.js';

/** What happened to a datagram. `ignored`: it arrived, but is not a message that this client waits for. */
export type Way = 'sent' | 'received' | 'failed' | 'ignored';

/** `request`: to and from a server. `probe`: to and from a peer, to open the NATs between. */
export type DatagramKind = 'request' | 'probe';

/** A datagram. */
export interface DatagramTrace {
  readonly type: 'datagram';
  readonly way: Way;
  readonly kind: DatagramKind;
  readonly endpoint: Endpoint;
  /** Of the UDP payload. */
  readonly bytes: number;
  /** The base64 key of the peer that it is about, if any. */
  readonly peer?: string | undefined;
  /** What it says. */
  readonly text?: string;
}

/** Something that the client learned or decided. */
export interface DecisionTrace {
  readonly type: 'decision';
  readonly peer?: string | undefined;
  readonly text: string;
}

export type Trace = DatagramTrace | DecisionTrace;

/** One for the process: the code that traces need not know who listens. */
const traces = channel('wg-rendezvous:client');

/** Reports a datagram to the listeners; costs nothing without one. */
export function traceDatagram(datagram: Omit<DatagramTrace, 'type'>): void {
  if (traces.hasSubscribers) {
    traces.publish({ type: 'datagram', ...datagram } satisfies Trace);
  }
}

/**
 * Reports a decision to the listeners.
 * @param peer the base64 key of the peer that it is about
 */
export function traceDecision(text: () => string, peer?: string): void {
  if (traces.hasSubscribers) {
    traces.publish({ type: 'decision', text: text(), peer } satisfies Trace);
  }
}

/** Listens to all clients of this process. Returns a function that ends it. */
export function observeTraces(observe: (trace: Trace) => void): () => void {
  const listener = (trace: unknown) => observe(trace as Trace);
  traces.subscribe(listener);
  return () => traces.unsubscribe(listener);
}
