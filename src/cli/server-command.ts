import { Command } from 'commander';
import {
  DEFAULT_LIMITS,
  type ListenEndpoint,
  MAX_PEERS,
  type ServiceOptions,
} from '../server/options.js';
import { CLASSIC_PORT } from '../wire/classic.js';
import { type Endpoint, endpoint, formatEndpoint } from '../wire/endpoint.js';
import { collect, decimal, listenEndpoint, wholeNumber } from './arguments.js';
import type { LogOptions } from './log-options.js';

const MAX_TTL_SECONDS = 86_400;
const MAX_RATE = 1_000_000_000;
const MIN_RECEIVE_BUFFER = 4096;
const MAX_RECEIVE_BUFFER = 2 ** 30;

const DEFAULT_LISTEN: readonly ListenEndpoint[] = [
  endpoint('0.0.0.0', CLASSIC_PORT),
  { ...endpoint('::', CLASSIC_PORT), optional: true },
];

interface Flags extends LogOptions {
  readonly listen?: Endpoint[];
  readonly maxPeers: number;
  readonly peerTtl: number;
  readonly metrics?: Endpoint;
  readonly sourceRate: number;
  readonly sourceBurst: number;
  readonly sourceShare: number;
  readonly receiveBuffer: number;
}

/** `server`. */
export function serverCommand(exit: (code: number) => void): Command {
  return new Command('server')
    .description('run a rendezvous server on a host with a static address')
    .option(
      '--listen <addr:port>',
      `where to listen; can be repeated (default: ${DEFAULT_LISTEN.map(formatEndpoint).join(' and ')})`,
      collect(listenEndpoint),
    )
    .option(
      '--max-peers <n>',
      'how many peers are remembered at most',
      wholeNumber(1, MAX_PEERS),
      DEFAULT_LIMITS.maxPeers,
    )
    .option(
      '--peer-ttl <seconds>',
      'how long a peer is remembered after its last request',
      decimal(0.1, MAX_TTL_SECONDS),
      DEFAULT_LIMITS.peerTtlMs / 1000,
    )
    .option('--metrics <addr:port>', 'serve /metrics, /healthz and /readyz there', listenEndpoint)
    .option(
      '--source-rate <n>',
      'datagrams a second from one IPv4 address or IPv6 /64; 0 = no limit',
      wholeNumber(0, MAX_RATE),
      DEFAULT_LIMITS.sourceRate,
    )
    .option(
      '--source-burst <n>',
      'datagrams that a source may send at once after a pause',
      wholeNumber(1, MAX_RATE),
      DEFAULT_LIMITS.sourceBurst,
    )
    .option(
      '--source-share <fraction>',
      'the most of the table that a source can fill alone',
      decimal(0.001, 0.999),
      DEFAULT_LIMITS.sourceShare,
    )
    .option(
      '--receive-buffer <bytes>',
      'size of the kernel queue of each socket',
      wholeNumber(MIN_RECEIVE_BUFFER, MAX_RECEIVE_BUFFER),
      DEFAULT_LIMITS.receiveBufferBytes,
    )
    .action(async (flags: Flags) => {
      const { runServer } = await import('./server-run.js');
      exit(await runServer(serviceOptions(flags), flags));
    });
}

function serviceOptions(flags: Flags): ServiceOptions {
  return {
    listen: flags.listen ?? DEFAULT_LISTEN,
    maxPeers: flags.maxPeers,
    peerTtlMs: Math.round(flags.peerTtl * 1000),
    sourceRate: flags.sourceRate,
    sourceBurst: flags.sourceBurst,
    sourceShare: flags.sourceShare,
    receiveBufferBytes: flags.receiveBuffer,
    ...(flags.metrics === undefined ? {} : { metrics: flags.metrics }),
  };
}
