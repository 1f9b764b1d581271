import { until } from './deadline.js';
import { Namespace } from './namespace.js';
import { LAN } from './topology.js';

/** The UDP port of NAT-PMP (RFC 6886) and PCP (RFC 6887). */
const PMP_PORT = 5351;

/**
 * Starts miniupnpd on a gateway: NAT-PMP, PCP and UPnP-IGD for its inside hosts, each for itself only.
 * Rejects if it does not start.
 */
export async function startPortMapper(gateway: string): Promise<void> {
  const namespace = new Namespace(gateway);
  const daemon = namespace.spawn('miniupnpd', [
    // Without a configuration of this machine, in the foreground, secure, IPv4 only.
    ...['-f', '/dev/null', '-d', '-N', '-S', '-4', '-P', '/dev/null'],
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
