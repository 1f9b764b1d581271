import { Command } from 'commander';
import type { ServerName } from '../client/server-locator.js';
import { DNS_PORT } from '../wire/dns-message.js';
import { interfaceName, serverName, zoneName } from './arguments.js';
import { type ClientFlags, clientOptions, withClientOptions } from './client-options.js';
import { withSettings } from './settings.js';

interface Flags extends ClientFlags {
  readonly dns: ServerName;
  readonly zone: string;
}

/** `dns client INTERFACE --dns ADDR[:PORT] --zone ZONE`. */
export function dnsClientCommand(exit: (code: number) => void): Command {
  const command = withSettings(new Command('client'), {
    section: 'DnsClient',
    file: ({ args: [name] }) => `${name}.conf`,
    needs: ['dns', 'zone'],
  })
    .description('connect the peers of a WireGuard interface, with endpoints from a DNS server')
    .argument('<interface>', 'WireGuard interface, such as wg0', interfaceName)
    .option('--dns <addr[:port]>', 'the DNS server', serverName(DNS_PORT))
    .option('--zone <zone>', 'the zone that the peers are in', zoneName);
  return withClientOptions(command).action(async (name: string, flags: Flags) => {
    // As for `client`, the start is part of the time to connect.
    const [{ runClient }, { dnsFinder }] = await Promise.all([
      import('./client-run.js'),
      import('../client/dns/dns-finder.js'),
    ]);
    const { dns, zone } = flags;
    const asksAlive = flags.once === true && !flags.peersOnly;
    const finder = dnsFinder({ server: dns, zone, interfaceName: name, asksAlive });
    exit(await runClient(clientOptions(name, finder, flags), flags));
  });
}
