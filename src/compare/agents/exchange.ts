import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { within } from '../../socket/time-limit.js';
import type { AgentChannel } from './channel.js';

/** Sends datagrams, each from its own port, and retransmits until an answer arrives. */
export interface ExchangeJob {
  readonly address: string;
  readonly port: number;
  /** Base64. */
  readonly datagrams: readonly string[];
  readonly tries: number;
  readonly waitMs: number;
}

/** The answer to each datagram in base64; null if none came. */
export interface ExchangeReport {
  readonly answers: readonly (string | null)[];
}

export async function exchange(job: ExchangeJob, { report }: AgentChannel): Promise<void> {
  const answers = await Promise.all(job.datagrams.map((datagram) => ask(job, datagram)));
  report({ answers } satisfies ExchangeReport);
}

async function ask(job: ExchangeJob, datagram: string): Promise<string | null> {
  const socket = createSocket('udp4');
  const bytes = Buffer.from(datagram, 'base64');
  try {
    let answer: Buffer | undefined;
    socket.on('message', (message) => {
      answer ??= message;
    });
    // An ICMP error is not an answer.
    socket.on('error', () => {});
    socket.bind(0);
    await once(socket, 'listening');
    for (let attempt = 0; attempt < job.tries && answer === undefined; attempt++) {
      socket.send(bytes, job.port, job.address);
      await within(job.waitMs, once(socket, 'message'), () => undefined);
    }
    return answer?.toString('base64') ?? null;
  } finally {
    socket.close();
  }
}
