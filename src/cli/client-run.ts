import { Client, type ClientOptions } from '../client/client.js';
import { EXIT } from './exit-code.js';
import { createLogger } from './log.js';
import type { LogOptions } from './log-options.js';
import { peerLog } from './peer-log.js';
import { endpointText, lackText } from './peer-text.js';
import { stopSignal } from './stop-signal.js';

/**
 * Runs a client until it is done. Throws what no retry can mend.
 * @param through what the client asks, as people know it
 * @returns the exit code
 */
export async function runClient(
  settings: ClientOptions,
  through: string,
  flags: LogOptions,
): Promise<number> {
  const { once, interfaceName: name } = settings;
  const live = process.stdout.isTTY && flags.logFormat === 'text' && !once;
  const view = live
    ? await liveTable(`${name} through ${through}`)
    : { observe: peerLog(createLogger(flags)), end() {} };
  const client = new Client(settings, view.observe);
  const outcome = await client.run(stopSignal()).finally(view.end);
  if (outcome === 'stopped') {
    return EXIT.ok;
  }
  const lacking = client.peers.filter(({ state }) => state !== 'connected');
  const done = client.peers.filter((peer) => !lacking.includes(peer));
  for (const peer of done) {
    process.stdout.write(`${peer.name} connected ${endpointText(peer)}\n`);
  }
  if (outcome === 'connected') {
    return EXIT.ok;
  }
  const reasons = [
    ...client.problems,
    ...lacking.map((peer) => `peer ${peer.name}: no fresh handshake: ${lackText(peer)}`),
  ];
  for (const reason of reasons) {
    process.stderr.write(`${reason}\n`);
  }
  return reasons.length === 0 && done.length > 0 ? EXIT.ok : EXIT.timeout;
}

async function liveTable(title: string) {
  const { PeerTable } = await import('./peer-table.js');
  const table = new PeerTable(title, process.stdout);
  return {
    observe: table.observe.bind(table),
    end: table.end.bind(table),
  };
}
