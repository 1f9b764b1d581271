import { writeFileSync } from 'node:fs';
import { until } from './deadline.js';
import { Namespace } from './namespace.js';
import { TemporaryFolder } from './temporary-folder.js';
import { LAN } from './topology.js';

/** Removed when this process exits. */
let folder: TemporaryFolder | undefined;

/** The UDP port of NAT-PMP (RFC 6886) and PCP (RFC 6887). */
const PMP_PORT = 5351;

/**
 * Starts miniupnpd on a gateway: NAT-PMP, PCP and UPnP-IGD for its inside hosts, each for itself only.
 * Rejects if it does not start.
 */
export async function startPortMapper(gateway: string): Promise<void> {
  const namespace = new Namespace(gateway);
  folder ??= new TemporaryFolder('upnp');
  // Files of our own: it replaces the file of its pid and removes it when it ends, as root.
  const [configuration, pid] = [folder.file('empty'), folder.file(gateway)];
  writeFileSync(configuration, '');
  const daemon = namespace.spawn('miniupnpd', [
    // In the foreground, secure, IPv4 only.
    ...['-f', configuration, '-P', pid, '-d', '-N', '-S', '-4'],
    ...['-i', 'wan', '-a', LAN],
  ]);
  await until(`miniupnpd on ${gateway}`, async () => {
    if (!daemon.running) {
      throw new Error(`miniupnpd has ended: ${daemon.stderr.trim()}`);
    }
    return (await namespace.exec('ss', ['-Hlun', 'sport', '=', `:${PMP_PORT}`])).includes(
      `:${PMP_PORT}`,
    );
  });
}
