import { Command } from 'commander';
import type { ServerName } from '../client/server-locator.js';
import { DNS_PORT } from '../dns/options.js';
import { interfaceName, serverName, zoneName } from './arguments.js';
import { type ClientFlags, clientOptions, withClientOptions } from './client-options.js';

interface Flags extends ClientFlags {
  readonly dns: ServerName;
  readonly zone: string;
}

/** `dns client INTERFACE --dns ADDR[:PORT] --zone ZONE`. */
export function dnsClientCommand(exit: (code: number) => void): Command {
  const command = new Command('client')
    .description('connect the peers of a WireGuard interface, with endpoints from a DNS server')
    .argument('<interface>', 'WireGuard interface, such as wg0', interfaceName)
    .requiredOption('--dns <addr[:port]>', 'the DNS server', serverName(DNS_PORT))
    .requiredOption('--zone <zone>', 'the zone that the peers are in', zoneName);
  return withClientOptions(command).action(async (name: string, flags: Flags) => {
    // As for `client`: start-up is part of the time to connect.
    const [{ runClient }, { dnsFinder }] = await Promise.all([
      import('./client-run.js'),
      import('../client/dns/dns-finder.js'),
    ]);
    const { dns, zone } = flags;
    exit(await runClient(clientOptions(name, dnsFinder(dns, zone, name), flags), flags));
  });
}
