import { Command } from 'commander';
import { dnsClientCommand } from './dns-client-command.js';
import { dnsKeygenCommand } from './dns-keygen-command.js';
import { dnsServerCommand } from './dns-server-command.js';

/** `dns`: the commands of the DNS-SD approach. */
export function dnsCommand(exit: (code: number) => void): Command {
  return new Command('dns')
    .description('find peers through DNS: a registry that has a tunnel to each of them')
    .addCommand(dnsServerCommand(exit))
    .addCommand(dnsClientCommand(exit))
    .addCommand(dnsKeygenCommand(exit));
}
