import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AnswerCounts, emptyCounts, sumAnswers } from '../../src/dns/counts.js';
import { serveRegistryMetrics } from '../../src/dns/metrics.js';
import { sumCounts } from '../../src/socket/socket-counts.js';
import { ownSamples, sortedLines } from '../metrics/own-samples.js';

/** The counts in their order, from a number on. */
function countsFrom(first: number): AnswerCounts {
  const names = Object.keys(emptyCounts());
  return Object.fromEntries(names.map((name, i) => [name, first + i])) as unknown as AnswerCounts;
}

/** Each of another value, so that none can stand for another. */
const BY_TRANSPORT = { udp: countsFrom(101), tcp: countsFrom(201) };
const COUNTS = {
  answers: sumAnswers(BY_TRANSPORT),
  byTransport: BY_TRANSPORT,
  readings: { done: 1, failed: 2 },
  tcp: { accepted: 3, displaced: 4, open: 5 },
  sockets: {
    ...sumCounts([]),
    kernelDrops: 6,
    sendDrops: 7,
    received: 8,
    batches: 9,
    errors: 61,
    receiveBufferBytes: 62,
    sendBufferBytes: 63,
  },
};

const EXPECTED = `
dns_queries_total{transport="udp",outcome="answered"} 101
dns_queries_total{transport="udp",outcome="nodata"} 102
dns_queries_total{transport="udp",outcome="nxdomain"} 103
dns_queries_total{transport="udp",outcome="refused"} 104
dns_queries_total{transport="udp",outcome="servfail"} 105
dns_queries_total{transport="udp",outcome="formerr"} 106
dns_queries_total{transport="udp",outcome="notimp"} 107
dns_queries_total{transport="udp",outcome="badvers"} 108
dns_truncated_replies_total{transport="udp"} 109
dns_limited_replies_total{transport="udp"} 110
dns_stale_replies_total{transport="udp"} 111
dns_queries_total{transport="udp",outcome="ignored"} 112
dns_queries_total{transport="udp",outcome="limited"} 113
dns_queries_total{transport="udp",outcome="crowded_out"} 114
dns_queries_total{transport="tcp",outcome="answered"} 201
dns_queries_total{transport="tcp",outcome="nodata"} 202
dns_queries_total{transport="tcp",outcome="nxdomain"} 203
dns_queries_total{transport="tcp",outcome="refused"} 204
dns_queries_total{transport="tcp",outcome="servfail"} 205
dns_queries_total{transport="tcp",outcome="formerr"} 206
dns_queries_total{transport="tcp",outcome="notimp"} 207
dns_queries_total{transport="tcp",outcome="badvers"} 208
dns_truncated_replies_total{transport="tcp"} 209
dns_limited_replies_total{transport="tcp"} 210
dns_stale_replies_total{transport="tcp"} 211
dns_queries_total{transport="tcp",outcome="ignored"} 212
dns_queries_total{transport="tcp",outcome="limited"} 213
dns_queries_total{transport="tcp",outcome="crowded_out"} 214
dns_device_readings_total 1
dns_device_reading_failures_total 2
dns_tcp_connections_total{outcome="accepted"} 3
dns_tcp_connections_total{outcome="displaced"} 4
dns_open_tcp_connections 5
dropped_datagrams_total{cause="receive_buffer"} 6
socket_errors_total 61
receive_buffer_bytes 62
send_buffer_bytes 63
dropped_datagrams_total{cause="send_queue"} 7
batch_size_bucket{le="+Inf"} 9
batch_size_sum 8
batch_size_count 9
`;

test('each count of a registry has its own metric', async () => {
  const samples = await ownSamples((place) => serveRegistryMetrics(() => COUNTS, place));
  assert.deepEqual(samples, sortedLines(EXPECTED));
});
