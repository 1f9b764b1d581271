import type { Registry } from 'prom-client';
import { counter, gauge, samples, total } from '../../metrics/metric-kinds.js';
import type { SealedCounts, SealedSizes } from './sealed-counts.js';

type Counts = Readonly<SealedCounts> & SealedSizes;

const SEALED_COUNTERS = [
  ['sealed_diffie_hellman_total', 'diffieHellman', 'X25519 operations'],
  ['sealed_early_wants_total', 'earlyWants', 'Want lists taken in with a handshake'],
  ['sealed_confirmed_total', 'confirmed', 'Sessions in which data arrived'],
  ['sealed_notices_total', 'notices', 'Notices of a missing session'],
  ['sealed_challenges_total', 'challenges', 'Path challenges sent to sources that are not proven'],
  ['sealed_moves_total', 'moves', 'Sources that proved themselves'],
  ['sealed_refused_wants_total', 'wantsRefused', 'Wants that were not kept'],
  ['sealed_forgotten_total', 'forgotten', 'Clients that left or fell silent'],
  ['sealed_observed_total', 'observed', 'Questions from where a client is heard'],
] as const;

/** Adds the metrics of the sealed protocol; read from its counters at each scrape. */
export function addSealedMetrics(registry: Registry, counts: () => Counts | undefined): void {
  const read = () => counts() as Counts;
  counter(registry, 'sealed_handshakes_total', 'Sealed initiations by outcome', () => {
    const it = read();
    return samples('outcome', {
      welcome: it.welcomed,
      not_allowed: it.notAllowed,
      stale_timestamp: it.staleTimestamp,
      full: it.full,
      wrong_key: it.wrongKey,
      cookie: it.cookies,
      repeated: it.handshakesRepeated,
      source_rate: it.handshakesLimited,
      no_time: it.handshakesDeferred,
      broken: it.handshakesBroken,
    });
  });
  counter(registry, 'sealed_messages_total', 'Sealed data messages by outcome', () => {
    const it = read();
    return samples('outcome', {
      opened: it.opened,
      rejected: it.rejected,
      unknown_session: it.unknownSession,
    });
  });
  counter(registry, 'sealed_unanswered_total', 'Sealed datagrams not acted upon, by cause', () => {
    const it = read();
    return samples('cause', {
      malformed: it.malformed,
      classic: it.classicDropped,
      client_rate: it.clientLimited,
      unproven_source: it.unprovenIgnored,
      malformed_frame: it.malformedFrames,
      late_change: it.lateChanges,
    });
  });
  counter(registry, 'sealed_pushes_total', 'Pushes by what became of them', () => {
    const it = read();
    return samples('outcome', {
      sent: it.pushes,
      acknowledged: it.pushesAcknowledged,
      retried: it.pushesRetried,
      given_up: it.pushesGivenUp,
    });
  });
  for (const [name, field, help] of SEALED_COUNTERS) {
    total(registry, name, help, () => read()[field]);
  }
  for (const size of ['clients', 'sessions', 'wants', 'candidates'] as const) {
    gauge(registry, `sealed_${size}`, `Sealed ${size} now`, () => read()[size]);
  }
}
