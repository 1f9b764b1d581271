import type { ApproachResult, Comparison } from '../../src/compare/results.js';

const NEEDS = { server: 'nothing', client: 'an address', root: 'a <raw> socket' };
const ROUND = { milliseconds: 512, datagrams: 6, bytes: 1372 };

const CLASSIC: ApproachResult = {
  name: 'classic',
  summary: 'ours',
  needs: NEEDS,
  connect: {
    cone: {
      ...ROUND,
      p95Milliseconds: 987,
      worstMilliseconds: 6_543,
      failedRounds: 0,
      rounds: [ROUND],
    },
    keepalive: {
      ...ROUND,
      p95Milliseconds: 987,
      worstMilliseconds: 6_543,
      failedRounds: 2,
      rounds: [ROUND],
    },
    symmetric: { problem: 'no tunnel within 12 s' },
  },
  peers: {
    peers: 100,
    roundTripMilliseconds: 50,
    milliseconds: 5678,
    roundTrips: 100,
    datagrams: 200,
    bytes: 12_600,
  },
  faults: {
    'server-late': { milliseconds: 900 },
    'mapping-changed': { milliseconds: 151_174 },
  },
  rate: {
    10: { perSecond: 123_456, processorMicroseconds: 5.25 },
    1000: { problem: 'wrong answers' },
  },
  stranger: [{ asked: 'for b', answer: '198.51.100.11:51820', endpointsDisclosed: true }],
};

/** A comparison with values and failures, and an approach that did not run. */
export const SAMPLE: Comparison = {
  format: 2,
  version: '1.2.3',
  startedAt: '2026-11-22T05:18:25.939Z',
  seconds: 45,
  machine: {
    processor: 'a <processor>',
    cores: 2,
    kernel: '6.1',
    node: 'v20',
    wireguard: 'kernel',
  },
  plan: {
    approaches: ['classic', 'wgsd'],
    measures: ['connect', 'peers', 'faults', 'rate', 'stranger'],
    pairs: ['cone', 'keepalive', 'symmetric'],
    rounds: 20,
    roundTripMilliseconds: 50,
    quick: false,
  },
  approaches: [
    CLASSIC,
    { name: 'wgsd', summary: 'theirs', needs: NEEDS, problem: '/nowhere cannot be run (ENOENT)' },
  ],
};
