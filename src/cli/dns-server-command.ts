import { Command, Help, Option } from 'commander';
import {
  DEFAULT_REGISTRY_LIMITS,
  type RegistryServiceOptions,
  type ZoneOptions,
} from '../dns/options.js';
import { MAX_RATE } from '../server/options.js';
import { MAX_RECEIVE_BUFFER, MIN_RECEIVE_BUFFER } from '../socket/batch-interface.js';
import { DNS_PORT } from '../wire/dns-message.js';
import { formatEndpoint } from '../wire/endpoint.js';
import {
  allAddresses,
  collect,
  decimal,
  interfaceName,
  listenEndpoint,
  listenEndpoints,
  selfOptions,
  wholeNumber,
  zoneName,
} from './arguments.js';
import type { DnsServerFlags } from './dns-server-run.js';
import { UsageError } from './exit-code.js';
import { withSettings } from './settings.js';
import { withWgOption } from './wg-option.js';

const MAX_AGE_SECONDS = 3600;

const DEFAULT_LISTEN = allAddresses(DNS_PORT);

/** `dns server`. */
export function dnsServerCommand(exit: (code: number) => void): Command {
  const command = withSettings(new Command('server'), {
    section: 'DnsServer',
    file: (self) => fileOf(self.opts<{ readonly interface?: string }>().interface),
    needs: ['zone', 'interface'],
  });
  return withWgOption(command)
    .description('run a DNS server with the endpoints of the peers of a WireGuard interface')
    .option('--zone <zone>', 'the zone to answer for; can be repeated', collect(zoneName))
    .option('--interface <name>', 'the WireGuard interface', interfaceName)
    .option(
      '--listen <addr:port>',
      `where to listen, UDP and TCP; can be repeated (default: ${DEFAULT_LISTEN.map(formatEndpoint).join(' and ')})`,
      listenEndpoints,
    )
    .addOption(
      new Option(
        '--self [endpoint[,allowed-ip...]]',
        'list this interface too (default endpoint: where the query arrives, with the listen port); given more than once: for one zone each',
      )
        .preset('')
        .argParser(collect(selfOptions)),
    )
    .addOption(
      new Option(
        '--tunnel-only',
        'answer only queries that arrive through the interface, at its addresses (the default)',
      ).conflicts('public'),
    )
    .option('--public', 'answer queries from anywhere: everyone learns the endpoints of all peers')
    .option('--dnssec <file>', 'sign answers with the key in a file, as `dns keygen` makes it')
    .option(
      '--max-age <seconds>',
      'how old an answer may be: WireGuard is read at most once in this time',
      decimal(0, MAX_AGE_SECONDS),
      DEFAULT_REGISTRY_LIMITS.maxAgeMs / 1000,
    )
    .option(
      '--max-stale <seconds>',
      'how old an answer may be while WireGuard is slow; 0 = answer SERVFAIL',
      decimal(0, MAX_AGE_SECONDS),
      DEFAULT_REGISTRY_LIMITS.maxStaleMs / 1000,
    )
    .option('--metrics <addr:port>', 'serve /metrics, /healthz and /readyz there', listenEndpoint)
    .option(
      '--source-rate <n>',
      'queries a second from one IPv4 address or IPv6 /64; 0 = no limit',
      wholeNumber(0, MAX_RATE),
      DEFAULT_REGISTRY_LIMITS.sourceRate,
    )
    .option(
      '--source-burst <n>',
      'burst of one source, in queries',
      wholeNumber(1, MAX_RATE),
      DEFAULT_REGISTRY_LIMITS.sourceBurst,
    )
    .option(
      '--reply-rate <n>',
      'with --public: UDP replies a second to one source that are larger than their query; 0 = no limit',
      wholeNumber(0, MAX_RATE),
      DEFAULT_REGISTRY_LIMITS.replyRate,
    )
    .option(
      '--receive-buffer <bytes>',
      'size of the kernel queue of each UDP socket',
      wholeNumber(MIN_RECEIVE_BUFFER, MAX_RECEIVE_BUFFER),
      DEFAULT_REGISTRY_LIMITS.receiveBufferBytes,
    )
    .configureHelp({ optionDescription: describeOption })
    .action(async (flags: DnsServerFlags) => {
      const { runDnsServer } = await import('./dns-server-run.js');
      exit(await runDnsServer(registryOptions(flags), flags));
    });
}

function fileOf(name: string | undefined): string | undefined {
  return name === undefined ? undefined : `${name}.conf`;
}

/** Without the preset, which only matters to the parser. */
function describeOption(option: Option): string {
  const shown: Option = Object.create(option, { presetArg: { value: undefined } });
  return new Help().optionDescription(shown);
}

function registryOptions(flags: DnsServerFlags): RegistryServiceOptions {
  return {
    zones: zoneOptions(flags),
    interfaceName: flags.interface,
    listen: flags.listen ?? DEFAULT_LISTEN,
    isPublic: flags.public === true,
    maxAgeMs: Math.round(flags.maxAge * 1000),
    maxStaleMs: Math.round(flags.maxStale * 1000),
    sourceRate: flags.sourceRate,
    sourceBurst: flags.sourceBurst,
    replyRate: flags.replyRate,
    receiveBufferBytes: flags.receiveBuffer,
    ...(flags.metrics === undefined ? {} : { metrics: flags.metrics }),
  };
}

/** One `--self` is for all zones; several are for one each. */
function zoneOptions({ zone: names, self: given = [] }: DnsServerFlags): ZoneOptions[] {
  const zones = [...new Set(names)];
  if (zones.length < names.length) {
    throw new UsageError('the same --zone is given twice: leave one out');
  }
  if (given.length > 1 && given.length !== zones.length) {
    throw new UsageError(
      `${given.length} times --self for ${zones.length} of --zone: give it once for all zones, or once for each`,
    );
  }
  return zones.map((name, i) => {
    const self = given.length > 1 ? given[i] : given[0];
    return self === undefined ? { name } : { name, self };
  });
}
