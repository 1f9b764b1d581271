/*
 * Shows the main job in a lab of network namespaces: two WireGuard peers, each behind its own NAT, find
 * each other through a rendezvous server and then exchange packets directly.
 */
import { fileURLToPath } from 'node:url';
import { type CableRule, createLab, type Lab, until } from '../src/lab/index.js';
import { TemporaryFolder } from '../src/lab/temporary-folder.js';
import { formatEndpoint } from '../src/wire/endpoint.js';
import { bold, DONE, FAILED, line, step } from './story.js';

const PICTURE = `               rv 198.51.100.1, the rendezvous server
                 |
   --------------+--------------------------  the internet
        |                            |
     NAT 198.51.100.10            carrier NAT 198.51.100.11
        |                            |
        |                         NAT 100.64.2.2
        |                            |
     a  10.1.0.2                  b  10.2.0.2
     wg 10.200.0.1                wg 10.200.0.2
`;

/** The command as installed: bundled, so that it starts fast. */
const CLI = fileURLToPath(new URL('../bin/wg-rendezvous.js', import.meta.url));
const RENDEZVOUS_PORT = 49918;
const TIMEOUT_MS = 30_000;
/** As between two towns some hundred kilometres apart, over home connections. */
const ROUND_TRIP_MS = 40;
const HOSTS = { a: { nat: 'cone' }, b: { nat: 'cgnat' } } as const;
type DemoLab = Lab<keyof typeof HOSTS>;

async function demo(): Promise<boolean> {
  step('Two hosts with WireGuard, each behind NATs. Every box is a network namespace:');
  line(PICTURE);
  line(`A round trip between any two of them takes ${ROUND_TRIP_MS} ms.`);
  await using lab = await createLab({ hosts: HOSTS, distance: { roundTripMs: ROUND_TRIP_MS } });
  step('a pings b through WireGuard. Neither knows the address of the other:');
  const early = await lab.ping('a', 'b', { timeoutMs: 1_000 });
  line(early ? `${FAILED} a reply, which is impossible` : '100% loss, as expected');

  step('On rv: wg-rendezvous server --key key');
  using folder = new TemporaryFolder('demo');
  const server = lab.rendezvous.spawn(process.execPath, [
    ...[CLI, 'server', '--key', folder.file('key')],
    ...['--listen', `${lab.rendezvous.address}:${RENDEZVOUS_PORT}`],
  ]);
  const [printed, key] = await server.waitForOutput(/public key (\S+)/, { timeoutMs: TIMEOUT_MS });
  line(printed);
  line((await server.waitForOutput(/listening on .*/, { timeoutMs: TIMEOUT_MS }))[0]);

  const site = `${key}@${lab.rendezvous.address}`;
  step(`On a and b: wg-rendezvous client wg0 ${site}`);
  const tallies = await Promise.all([startTally(lab, 'a'), startTally(lab, 'b')]);
  const started = performance.now();
  for (const name of ['a', 'b'] as const) {
    const host = lab.host(name);
    host.spawn(process.execPath, [CLI, 'client', host.wireguard.interface, site]);
  }
  const genuine = await Promise.all([found(lab, 'a', 'b'), found(lab, 'b', 'a')]);

  step('a pings b through WireGuard again:');
  const answered = await lab.ping('a', 'b', { timeoutMs: TIMEOUT_MS });
  const milliseconds = Math.round(performance.now() - started);
  line(
    answered
      ? `a reply, ${milliseconds} ms after the clients were started (round trip ${ROUND_TRIP_MS} ms)`
      : 'no reply',
  );
  for (const tally of tallies) {
    line(await describe(tally));
  }
  const back = await lab.ping('b', 'a', { timeoutMs: TIMEOUT_MS });
  line(back ? 'b pings a: a reply too' : 'b pings a: no reply');
  return !early && answered && back && genuine.every(Boolean);
}

/** Waits until a client has set its peer's endpoint, and compares it with the NAT's real mapping. */
async function found(lab: DemoLab, name: 'a' | 'b', peer: 'a' | 'b'): Promise<boolean> {
  const key = lab.host(peer).wireguard.publicKey;
  const endpoint = await until(
    `an endpoint of ${peer} at ${name}`,
    () => lab.host(name).wireguard.endpointOf(key),
    { timeoutMs: TIMEOUT_MS },
  );
  const real = await until(
    `packets from ${peer} to ${name}`,
    () => lab.mappedEndpoint(peer, name),
    { timeoutMs: TIMEOUT_MS },
  );
  const same = formatEndpoint(endpoint) === formatEndpoint(real);
  const text = `${name} has found ${peer} at ${bold(formatEndpoint(endpoint))}`;
  line(same ? `${text}, its NAT's real mapping` : `${text}; its NAT uses ${formatEndpoint(real)}`);
  return same;
}

/** Counters of the packets that a host sends. */
interface Tally {
  readonly name: 'a' | 'b';
  /** To the rendezvous server. */
  readonly requests: CableRule;
  /** All UDP. */
  readonly all: CableRule;
}

async function startTally(lab: DemoLab, name: Tally['name']): Promise<Tally> {
  const { cable } = lab.host(name);
  const [requests, all] = await Promise.all([
    cable.count({ direction: 'outbound', destinationPort: RENDEZVOUS_PORT }),
    cable.count({ direction: 'outbound', protocol: 'udp' }),
  ]);
  return { name, requests, all };
}

async function describe({ name, requests, all }: Tally): Promise<string> {
  const [toServer, sent] = await Promise.all([requests.packets(), all.packets()]);
  return `${name} has sent ${toServer} packets to the server and ${sent - toServer} to its peer`;
}

try {
  const works = await demo();
  step(
    works ? `${DONE} The peers exchange packets directly; none of them passes the server.` : FAILED,
  );
  process.exitCode = works ? 0 : 1;
} catch (error) {
  step(`${FAILED} ${(error as Error).message}`);
  process.exitCode = 1;
}
