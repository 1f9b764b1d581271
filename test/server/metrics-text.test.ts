import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ServiceCounts } from '../../src/server/counts.js';
import { serveMetrics } from '../../src/server/metrics.js';
import { noSealedCounts } from '../../src/server/sealed/sealed-counts.js';
import { sumCounts } from '../../src/socket/socket-counts.js';
import { ownSamples, sortedLines } from '../metrics/own-samples.js';

/** Each of another value, so that none can stand for another. */
const COUNTS: ServiceCounts = {
  admission: { malformed: 8, limited: 9 },
  classic: {
    requests: 1,
    registrations: 2,
    refreshes: 3,
    moves: 4,
    refused: 5,
    hits: 6,
    misses: 7,
    withheld: 3,
    malformed: 50,
  },
  table: { peers: 10, maxPeers: 11, expired: 12, bytes: 13 },
  sockets: sumCounts([
    {
      received: 1400,
      sent: 1500,
      sendDrops: 1600,
      kernelDrops: 1700,
      batches: 31,
      batchSizes: [1, 2, 4, 8, 16, 0, 0, 0, 0],
      errors: 1800,
      receiveBufferBytes: 19,
      sendBufferBytes: 2000,
    },
    {
      received: 14,
      sent: 15,
      sendDrops: 16,
      kernelDrops: 17,
      batches: 480,
      batchSizes: [0, 0, 0, 0, 0, 32, 64, 128, 256],
      errors: 18,
      receiveBufferBytes: 1900,
      sendBufferBytes: 20,
    },
  ]),
};

const CLASSIC = `
registrations_total{protocol="classic",outcome="added"} 2
registrations_total{protocol="classic",outcome="refreshed"} 3
registrations_total{protocol="classic",outcome="moved"} 4
registrations_total{protocol="classic",outcome="refused"} 5
requests_total{protocol="classic",outcome="hit"} 6
requests_total{protocol="classic",outcome="miss"} 4
requests_total{protocol="classic",outcome="withheld"} 3
dropped_datagrams_total{cause="malformed"} 58
dropped_datagrams_total{cause="source_rate"} 9
dropped_datagrams_total{cause="receive_buffer"} 1717
dropped_datagrams_total{cause="send_queue"} 1616
socket_errors_total 1818
receive_buffer_bytes 19
send_buffer_bytes 20
peers 10
max_peers 11
expired_peers_total 12
table_bytes 13
batch_size_bucket{le="1"} 1
batch_size_bucket{le="3"} 3
batch_size_bucket{le="7"} 7
batch_size_bucket{le="15"} 15
batch_size_bucket{le="31"} 31
batch_size_bucket{le="63"} 63
batch_size_bucket{le="127"} 127
batch_size_bucket{le="255"} 255
batch_size_bucket{le="+Inf"} 511
batch_size_sum 1414
batch_size_count 511
`;

/** The counts of the sealed protocol in their order, from 101. */
const SEALED_COUNTS = {
  ...Object.fromEntries(Object.keys(noSealedCounts()).map((name, i) => [name, 101 + i])),
  ...{ clients: 201, sessions: 202, wants: 203, candidates: 204 },
} as NonNullable<ServiceCounts['sealed']>;

const SEALED = `
sealed_unanswered_total{cause="malformed"} 101
sealed_unanswered_total{cause="classic"} 102
sealed_handshakes_total{outcome="wrong_key"} 104
sealed_handshakes_total{outcome="cookie"} 105
sealed_handshakes_total{outcome="repeated"} 106
sealed_handshakes_total{outcome="source_rate"} 107
sealed_handshakes_total{outcome="no_time"} 108
sealed_diffie_hellman_total 109
sealed_handshakes_total{outcome="broken"} 110
sealed_handshakes_total{outcome="welcome"} 111
sealed_handshakes_total{outcome="not_allowed"} 112
sealed_handshakes_total{outcome="stale_timestamp"} 113
sealed_handshakes_total{outcome="full"} 114
sealed_early_wants_total 115
sealed_confirmed_total 116
sealed_messages_total{outcome="opened"} 117
sealed_messages_total{outcome="rejected"} 118
sealed_messages_total{outcome="unknown_session"} 119
sealed_unanswered_total{cause="client_rate"} 120
sealed_notices_total 121
sealed_challenges_total 122
sealed_unanswered_total{cause="unproven_source"} 123
sealed_moves_total 124
sealed_unanswered_total{cause="malformed_frame"} 125
sealed_unanswered_total{cause="late_change"} 126
sealed_refused_wants_total 127
sealed_pushes_total{outcome="sent"} 128
sealed_pushes_total{outcome="acknowledged"} 129
sealed_pushes_total{outcome="retried"} 130
sealed_pushes_total{outcome="given_up"} 131
sealed_forgotten_total 132
sealed_observed_total 133
sealed_clients 201
sealed_sessions 202
sealed_wants 203
sealed_candidates 204
`;

const textOf = (counts: ServiceCounts) => ownSamples((place) => serveMetrics(() => counts, place));

test('metrics show each count of the classic protocol under its own name', async () => {
  assert.deepEqual(await textOf(COUNTS), sortedLines(CLASSIC));
});

test('metrics show each count of the sealed protocol under its own name', async () => {
  const samples = await textOf({ ...COUNTS, sealed: SEALED_COUNTS });
  assert.deepEqual(samples, sortedLines(CLASSIC + SEALED));
});

test('metrics show each count of STUN under its own name', async () => {
  const stun = { answered: 305, changed: 4, unknownAttributes: 302, malformed: 40 };
  const samples = await textOf({ ...COUNTS, stun });
  const expected = `
stun_requests_total{outcome="answered"} 301
stun_requests_total{outcome="changed"} 4
stun_requests_total{outcome="unknown_attributes"} 302
`;
  const own = sortedLines(expected);
  assert.deepEqual(
    samples.filter((line) => line.startsWith('stun_')),
    own,
  );
  const dropped = samples.find((line) => line.includes('malformed'));
  assert.match(dropped ?? '', / 98$/, 'of all protocols');
});
