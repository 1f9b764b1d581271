import { channel } from 'node:diagnostics_channel';
import type { Endpoint } from '../wire/endpoint.js';

/** What became of a datagram. `ignored`: it arrived, and is no message that this client waits for. */
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
  /** The base64 key of the peer that it is about, where it is about one. */
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

/** One for the process: who watches is no matter of those that do the work. */
const traces = channel('wg-rendezvous:client');

/** Tells those who watch of a datagram; costs nothing where nobody does. */
export function traceDatagram(datagram: Omit<DatagramTrace, 'type'>): void {
  if (traces.hasSubscribers) {
    traces.publish({ type: 'datagram', ...datagram } satisfies Trace);
  }
}

/**
 * Tells those who watch of a decision.
 * @param peer the base64 key of the peer that it is about
 */
export function traceDecision(text: () => string, peer?: string): void {
  if (traces.hasSubscribers) {
    traces.publish({ type: 'decision', text: text(), peer } satisfies Trace);
  }
}

/** Watches all clients of this process. Returns a function that ends it. */
export function observeTraces(observe: (trace: Trace) => void): () => void {
  const listener = (trace: unknown) => observe(trace as Trace);
  traces.subscribe(listener);
  return () => traces.unsubscribe(listener);
}
