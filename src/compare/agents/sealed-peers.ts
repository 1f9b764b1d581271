import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { keyPairOf } from '../../sealed/key-pair.js';
import { formatEndpoint } from '../../wire/endpoint.js';
import { type PublicKey, parsePublicKey } from '../../wire/key.js';
import { MAX_MESSAGE_LENGTH } from '../../wire/sealed.js';
import type { AgentChannel } from './channel.js';
import { cookieHolder, SealedSession } from './sealed-session.js';

/** Peers of the sealed protocol, each on its own port, that all want the same peer. */
export interface SealedPeersJob {
  readonly address: string;
  readonly port: number;
  /** Keys in base64. */
  readonly serverKey: string;
  readonly wanted: string;
  readonly privateKeys: readonly string[];
}

/** The endpoint that each received; null for none. `silent` counts those without any answer. */
export interface SealedPeersReport {
  readonly answers: readonly (string | null)[];
  readonly silent: number;
}

const AGAIN_MS = 500;
const TRIES = 8;

/** Connects all peers, and reports. */
export async function sealedPeers(job: SealedPeersJob, { report }: AgentChannel): Promise<void> {
  const [serverKey, wanted] = [parsePublicKey(job.serverKey), parsePublicKey(job.wanted)];
  const sessions = await Promise.all(
    job.privateKeys.map((key) => connect(job, Buffer.from(key, 'base64'), serverKey, wanted)),
  );
  const answers = sessions.map(({ answer }) =>
    answer?.endpoint === undefined ? null : formatEndpoint(answer.endpoint),
  );
  const silent = sessions.filter(({ answer }) => answer === undefined).length;
  report({ answers, silent } satisfies SealedPeersReport);
}

async function connect(
  { address, port }: SealedPeersJob,
  privateKey: Uint8Array,
  serverKey: PublicKey,
  wanted: PublicKey,
): Promise<SealedSession> {
  const session = new SealedSession(keyPairOf(privateKey), wanted, cookieHolder(serverKey), 1);
  const socket = createSocket('udp4');
  socket.bind(0);
  await once(socket, 'listening');
  const send = (write: (out: Uint8Array) => number): void => {
    const out = new Uint8Array(MAX_MESSAGE_LENGTH);
    const length = write(out);
    if (length > 0) {
      socket.send(out.subarray(0, length), port, address);
    }
  };
  socket.on('message', (bytes) => send((out) => session.receive(bytes, 0, bytes.length, out, 0)));
  // An ICMP error is not an answer.
  socket.on('error', () => {});
  for (let attempt = 0; attempt < TRIES && session.answer === undefined; attempt++) {
    send((out) => session.begin(out, 0, Date.now()));
    for (let waited = 0; waited < AGAIN_MS && session.answer === undefined; waited += 10) {
      await delay(10);
    }
  }
  socket.close();
  return session;
}
