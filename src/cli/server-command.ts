import { Command, Option } from 'commander';
import {
  DEFAULT_LIMITS,
  DEFAULT_PROBE_PORT,
  DEFAULT_RELAY,
  MAX_PEERS,
  MAX_RATE,
  MAX_WANTED,
  type ServiceOptions,
} from '../server/options.js';
import type { RelayPorts } from '../server/relay/relay-sockets.js';
import { parseStoreUrl, type StoreAddress } from '../server/store/store-url.js';
import { MAX_RECEIVE_BUFFER, MIN_RECEIVE_BUFFER } from '../socket/batch-interface.js';
import { CLASSIC_PORT } from '../wire/classic.js';
import { type Endpoint, formatEndpoint } from '../wire/endpoint.js';
import {
  allAddresses,
  decimal,
  listenEndpoint,
  listenEndpoints,
  probePort,
  wholeNumber,
} from './arguments.js';
import { UsageError } from './exit-code.js';
import type { LogOptions } from './log-options.js';
import { bitRate, formatPorts, relayPorts } from './relay-arguments.js';
import type { RelayFlags, SealedFiles } from './sealed-files.js';
import { withSettings } from './settings.js';

/** The URL of the store if it is neither an option nor a setting. */
const STORE_VARIABLE = 'WG_RENDEZVOUS_STORE';

const MAX_TTL_SECONDS = 86_400;

const DEFAULT_LISTEN = allAddresses(CLASSIC_PORT);

interface Flags extends LogOptions {
  readonly listen?: Endpoint[];
  readonly maxPeers: number;
  readonly peerTtl: number;
  readonly metrics?: Endpoint;
  readonly sourceRate: number;
  readonly sourceBurst: number;
  readonly sourceShare: number;
  readonly receiveBuffer: number;
  readonly key?: string;
  readonly allow?: string;
  readonly sealedOnly?: boolean;
  readonly maxWanted: number;
  readonly handshakeRate: number;
  readonly clientRate: number;
  readonly relay?: boolean;
  readonly relayPorts?: RelayPorts;
  readonly relayRate?: number;
  readonly relayTotal?: number;
  readonly relayAllow?: string;
  readonly probePort?: number;
  readonly stun?: true;
  readonly store?: string;
}

/** `server`. */
export function serverCommand(exit: (code: number) => void): Command {
  return withSettings(new Command('server'), { section: 'Server', file: () => 'server.conf' })
    .description('run a rendezvous server on a host with a static address')
    .option(
      '--listen <addr:port>',
      `where to listen; can be repeated (default: ${DEFAULT_LISTEN.map(formatEndpoint).join(' and ')})`,
      listenEndpoints,
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
    .option(
      '--probe-port <port>',
      `second port of each address, where clients learn how their NATs map; none turns it off (default: ${DEFAULT_PROBE_PORT})`,
      probePort,
    )
    .option('--stun', 'answer STUN on port 3478 as well')
    .addOption(
      new Option(
        '--store <url>',
        'share clients with other servers through Valkey or Redis: redis://, rediss:// or unix:/PATH; a password belongs into the settings or the environment',
      ).env(STORE_VARIABLE),
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
    .option(
      '--key <file>',
      "the server's private key: speak the sealed protocol; made if missing (default: server.key in a systemd unit's StateDirectory)",
    )
    .option('--sealed-only', 'do not speak the classic protocol')
    .option('--allow <file>', 'only these public keys may register; read again on SIGHUP')
    .option(
      '--max-wanted <n>',
      'how many peers a client may want',
      wholeNumber(1, MAX_WANTED),
      DEFAULT_LIMITS.maxWanted,
    )
    .option(
      '--handshake-rate <n>',
      'handshakes a second from one source, five times as many at once; 0 = no limit',
      wholeNumber(0, MAX_RATE),
      DEFAULT_LIMITS.handshakeRate,
    )
    .option(
      '--client-rate <n>',
      'sealed messages a second from one client, twice as many at once; 0 = no limit',
      wholeNumber(0, MAX_RATE),
      DEFAULT_LIMITS.clientRate,
    )
    .option('--relay', 'relay between peers without a direct path, unread; needs --key')
    .option(
      '--relay-ports <first-last>',
      `the UDP ports of the relay (default: ${formatPorts(DEFAULT_RELAY.ports)})`,
      relayPorts,
    )
    .option('--relay-rate <bits>', 'bits a second of a pair, as 10M (the default)', bitRate)
    .option('--relay-total <bits>', 'bits a second of all pairs, as 100M (the default)', bitRate)
    .option('--relay-allow <file>', 'only these public keys may be relayed; read again on SIGHUP')
    .action(async (flags: Flags) => {
      const files = sealedFiles(flags);
      const { runServer } = await import('./server-run.js');
      exit(await runServer(serviceOptions(flags), files, flags));
    });
}

/** The key of a server that systemd runs and gives a folder (StateDirectory). */
function unitKey(): string | undefined {
  const folder = process.env['STATE_DIRECTORY'];
  return folder === undefined || folder === '' ? undefined : `${folder.split(':')[0]}/server.key`;
}

/** Undefined if the server is to speak the classic protocol only. */
function sealedFiles({
  key = unitKey(),
  allow,
  sealedOnly: only = false,
  ...flags
}: Flags): SealedFiles | undefined {
  const relay = relayFlags(flags);
  if (key !== undefined) {
    return { key, allow, only, relay };
  }
  if (only || allow !== undefined || relay !== undefined) {
    const flag = relay !== undefined ? '--relay' : only ? '--sealed-only' : '--allow';
    throw new UsageError(
      `${flag} is about the sealed protocol, which needs the server's key: add --key FILE`,
    );
  }
  return undefined;
}

/** Throws a UsageError, which never repeats the URL: it may hold a password. */
function storeAddress(url: string | undefined): StoreAddress | undefined {
  try {
    return url === undefined || url === '' ? undefined : parseStoreUrl(url);
  } catch (error) {
    throw new UsageError(`--store: ${(error as Error).message}`);
  }
}

/** Undefined if the server is not to relay. */
function relayFlags(flags: Partial<Flags>): RelayFlags | undefined {
  const { relay, relayPorts: ports, relayRate: rate, relayTotal: totalRate } = flags;
  const allow = flags.relayAllow;
  if (relay === true) {
    return {
      ...(ports && { ports }),
      ...(rate !== undefined && { rate }),
      ...(totalRate !== undefined && { totalRate }),
      allow,
    };
  }
  const given = Object.entries({ ports, rate, total: totalRate, allow }).find(
    ([, value]) => value !== undefined,
  );
  if (given !== undefined) {
    throw new UsageError(`--relay-${given[0]} is about the relay, which is off: add --relay`);
  }
  return undefined;
}

function serviceOptions(flags: Flags): ServiceOptions {
  if (flags.stun && flags.sealedOnly) {
    throw new UsageError(
      '--stun answers everyone, and --sealed-only hides the server from strangers: leave one of them out',
    );
  }
  const { probePort: port = DEFAULT_PROBE_PORT, stun = false } = flags;
  // If the system chooses the main port, a fixed second port is of no use.
  const isChosen = flags.listen?.every((it) => it.port === 0) ?? false;
  const hasProbePort = port !== 0 && !(flags.probePort === undefined && isChosen);
  return {
    stun,
    ...(hasProbePort ? { probe: { port, optional: flags.probePort === undefined } } : {}),
    listen: flags.listen ?? DEFAULT_LISTEN,
    maxPeers: flags.maxPeers,
    peerTtlMs: Math.round(flags.peerTtl * 1000),
    sourceRate: flags.sourceRate,
    sourceBurst: flags.sourceBurst,
    sourceShare: flags.sourceShare,
    maxWanted: flags.maxWanted,
    handshakeRate: flags.handshakeRate,
    clientRate: flags.clientRate,
    receiveBufferBytes: flags.receiveBuffer,
    store: storeAddress(flags.store),
    ...(flags.metrics === undefined ? {} : { metrics: flags.metrics }),
  };
}
