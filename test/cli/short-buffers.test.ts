import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { withWg } from '../wireguard/stand-in.js';
import { DnsServerProcess, ServerProcess } from './server-process.js';

/** Root without the capability to pass net.core.rmem_max and net.core.wmem_max. */
const LAUNCHER = ['/usr/bin/setpriv', '--bounding-set=-net_admin', process.execPath] as const;

class LimitedServer extends ServerProcess {
  protected override get launcher() {
    return LAUNCHER;
  }
}

class LimitedDnsServer extends DnsServerProcess {
  protected override get launcher() {
    return LAUNCHER;
  }
}

/** More than the limit of any host. */
const LARGE = ['--receive-buffer', String(2 ** 29)];

async function assertWarned(server: ServerProcess): Promise<void> {
  await server.port();
  const line = await server.logLine(/the kernel grants/);
  assert.match(
    line,
    / warn {2}the kernel grants a receive queue of \d+ bytes instead of 536870912 \(bursts of requests are lost\)/,
  );
  assert.match(line, /CAP_NET_ADMIN, or sysctl -w net\.core\.rmem_max=536870912/);
}

describe('where the kernel grants smaller queues than asked for', () => {
  it('server says so, why, and what to do', async () => {
    await using server = new LimitedServer(...LARGE);
    await assertWarned(server);
  });

  it('dns server as well', () =>
    withWg('exit 0', async (_folder, wg) => {
      await using server = new LimitedDnsServer('--wg', wg, ...LARGE);
      await assertWarned(server);
    }));

  it('and nothing if it grants them', async () => {
    await using server = new ServerProcess(...LARGE);
    await server.port();
    server.child.kill('SIGTERM');
    assert.equal(await server.logLine(/grants/), '');
  });
});
