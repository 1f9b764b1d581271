import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { AgentChannel } from './agent.js';
import { RoundTrips } from './round-trips.js';

/** Passes UDP datagrams on to a server, and the answers back, each after a delay. IPv4. */
export interface RelayJob {
  readonly listen: string;
  readonly target: string;
  readonly ports: readonly number[];
  /** Each way. */
  readonly delayMs: number;
}

/** What passed since the start or the last reset, both ways. */
export interface RelayReport {
  readonly datagrams: number;
  /** From the IP header on. */
  readonly bytes: number;
  /** See RoundTrips. */
  readonly roundTrips: number;
}

const HEADERS_LENGTH = 20 + 8;
const MAX_CLIENTS = 4096;

/** Relays until stdin ends. `reset` forgets what passed, `report` says it. */
export async function relay(job: RelayJob, { lines, say }: AgentChannel): Promise<void> {
  const tally = { datagrams: 0, bytes: 0, chain: new RoundTrips() };
  const count = (message: Uint8Array): void => {
    tally.datagrams++;
    tally.bytes += message.length + HEADERS_LENGTH;
  };
  for (const port of job.ports) {
    await relayPort(job, port, {
      onRequest(message) {
        count(message);
        return tally.chain.request();
      },
      onAnswer: (message) => count(message),
      onServed: (depth) => tally.chain.served(depth),
      answerDepth: () => tally.chain.answerDepth,
      onDelivered: (depth) => tally.chain.delivered(depth),
    });
  }
  say({ ready: true });
  for await (const line of lines) {
    if (line === 'reset') {
      Object.assign(tally, { datagrams: 0, bytes: 0, chain: new RoundTrips() });
    } else {
      const { datagrams, bytes, chain } = tally;
      say({ datagrams, bytes, roundTrips: chain.longest });
    }
  }
}

interface Observer {
  onRequest(message: Uint8Array): number;
  onServed(depth: number): void;
  onAnswer(message: Uint8Array): void;
  answerDepth(): number;
  onDelivered(depth: number): void;
}

async function relayPort(job: RelayJob, port: number, observer: Observer): Promise<void> {
  const inside = await bound(job.listen, port);
  const clients = new Map<string, Socket>();
  inside.on('message', (message, client) => {
    const depth = observer.onRequest(message);
    const name = `${client.address}:${client.port}`;
    const known = clients.get(name);
    if (known === undefined && clients.size >= MAX_CLIENTS) {
      return;
    }
    const outside = known ?? createSocket('udp4');
    if (known === undefined) {
      clients.set(name, outside);
      outside.on('message', (answer) => {
        observer.onAnswer(answer);
        const answerDepth = observer.answerDepth();
        setTimeout(() => {
          observer.onDelivered(answerDepth);
          inside.send(answer, client.port, client.address);
        }, job.delayMs);
      });
    }
    setTimeout(() => {
      observer.onServed(depth);
      outside.send(message, port, job.target);
    }, job.delayMs);
  });
}

async function bound(address: string, port: number): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.bind({ address, port });
  await once(socket, 'listening');
  return socket;
}
