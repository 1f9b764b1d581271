/*
 * Clients of several interfaces in one process, by the sealed protocol, as crowd.ts starts them:
 * crowd-clients.js SERVER SERVER-KEY INTERFACE... Prints a line when all have heard that their peer is not there.
 */
import { Client, type ClientEvent } from '../../src/client/client.js';
import { sealedFinders } from '../../src/client/sealed/sealed-finder.js';
import { CLASSIC_PORT } from '../../src/wire/classic.js';
import { parsePublicKey } from '../../src/wire/key.js';

const [host = '', key = '', ...interfaces] = process.argv.slice(2);
const server = { host, port: CLASSIC_PORT, key: parsePublicKey(key) };

const asking = new Set(interfaces);

function observe(interfaceName: string, event: ClientEvent): void {
  if (event.type === 'problem') {
    console.error(`${interfaceName}: ${event.text}`);
  } else if (event.type === 'peers' && event.peers.some(({ state }) => state === 'unknown')) {
    if (asking.delete(interfaceName) && asking.size === 0) {
      console.log('all wait');
    }
  }
}

await Promise.all(
  interfaces.map((interfaceName) => {
    const [finder] = sealedFinders([server], { interfaceName, leaves: false });
    const client = new Client(
      {
        interfaceName,
        finder: finder!,
        once: false,
        timeoutMs: undefined,
        keepalive: 25,
        replace: true,
        only: undefined,
      },
      (event) => observe(interfaceName, event),
    );
    return client.run(new AbortController().signal);
  }),
);
