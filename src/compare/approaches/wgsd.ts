import { access, constants, writeFile } from 'node:fs/promises';
import type { LabHost, LabProcess } from '../../lab/index.js';
import { TemporaryFolder } from '../../lab/temporary-folder.js';
import { DNS_PORT } from '../../wire/dns-message.js';
import type { Approach, ComparedLab, ReadyApproach, Tools, WgsdFiles } from '../approach.js';
import { PeriodicProgram } from '../periodic-program.js';
import { digAsStranger, loadedRegistry, ZONE } from './dns-registry.js';

/** OnUnitActiveSec of wgsd's own wgsd-client@.timer. */
const TIMER_MS = 45_000;
const KEEPALIVE_SECONDS = 25;

/** The real wgsd: CoreDNS with the plugin, and wgsd-client run by a timer. */
export function wgsd(tools: Tools): Approach {
  return {
    name: 'wgsd',
    summary: 'CoreDNS with wgsd, and wgsd-client every 45 s as its systemd timer has it',
    needs: {
      server: 'WireGuard with every peer: key and allowed IPs; a Corefile with the zone',
      client:
        'WireGuard with the registry and a keepalive for every peer; a timer; zone and DNS address',
      root: 'client: sets peers; server: reads the device, and port 53 where it is that',
    },
    async prepare() {
      if (tools.wgsd === undefined) {
        throw new Error('not given: --wgsd-coredns PATH --wgsd-client PATH');
      }
      for (const file of [tools.wgsd.coredns, tools.wgsd.client]) {
        await expectProgram(file);
      }
      return ready(tools.wgsd, new TemporaryFolder('wgsd'));
    },
  };
}

function ready(files: WgsdFiles, folder: TemporaryFolder): ReadyApproach {
  const startServer = async ({ rendezvous }: ComparedLab): Promise<LabProcess> => {
    const { interface: name } = rendezvous.wireguard;
    const corefile = folder.file(`Corefile-${name}`);
    await writeFile(corefile, `.:${DNS_PORT} {\n  wgsd ${ZONE}. ${name}\n}\n`);
    const server = rendezvous.spawn(files.coredns, ['-conf', corefile]);
    await rendezvous.listening(server, DNS_PORT);
    return server;
  };
  return {
    registry: true,
    startServer,
    startClient: (host, { tunnelAddress }) =>
      new PeriodicProgram(async () => {
        await keepAlive(host);
        const dns = ['-dns', `${tunnelAddress}:${DNS_PORT}`, '-zone', ZONE];
        return host.spawn(files.client, ['-device', host.wireguard.interface, ...dns]);
      }, TIMER_MS),
    askAsStranger: async (stranger, lab) => [await digAsStranger(stranger, lab)],
    startLoadedServer: (lab, peers) => loadedRegistry(lab, peers, startServer),
    async [Symbol.asyncDispose]() {
      folder[Symbol.dispose]();
    },
  };
}

async function expectProgram(file: string): Promise<void> {
  try {
    await access(file, constants.X_OK);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    throw new Error(`${file} cannot be run (${code})`, { cause });
  }
}

/** wgsd-client sets endpoints only. WireGuard sends because of the user's own keepalive. */
async function keepAlive({ wireguard }: LabHost): Promise<void> {
  const keepalives = await wireguard.show('persistent-keepalive');
  await wireguard.setKeepalive(
    [...keepalives.keys()].filter((key) => keepalives.get(key) === 'off'),
    KEEPALIVE_SECONDS,
  );
}
