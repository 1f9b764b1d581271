import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import {
  type ClassicAnswer,
  decodeClassicReply,
  encodeClassicRequest,
} from '../../src/wire/classic.js';
import type { Endpoint } from '../../src/wire/endpoint.js';
import { key } from './requests.js';

const DEADLINE_MS = 20_000;
const RETRANSMIT_MS = 200;

/** A peer on an address of its own, such as 127.0.0.7. */
export class LoopbackPeer {
  readonly #socket;
  readonly #address: string;
  readonly #replies: Uint8Array[] = [];

  static async open(address: string): Promise<LoopbackPeer> {
    const peer = new LoopbackPeer(address);
    peer.#socket.bind({ address, port: 0 });
    await once(peer.#socket, 'listening');
    return peer;
  }

  private constructor(address: string) {
    this.#address = address;
    this.#socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
    this.#socket.on('message', (message) => this.#replies.push(message));
  }

  get endpoint(): Endpoint {
    const family = this.#address.includes(':') ? 6 : 4;
    return { address: this.#address, port: this.#socket.address().port, family };
  }

  /** Replies that arrived since it opened. */
  get replies(): number {
    return this.#replies.length;
  }

  /** Sends one datagram; done when the kernel has it, which on loopback is the server's queue. */
  async send(server: Endpoint, payload: Uint8Array): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#socket.send(payload, server.port, server.address, (error) =>
        error ? reject(error) : resolve(),
      );
    });
  }

  /** Asks, again and again until there is an answer; fails after 20 s. */
  async ask(server: Endpoint, mine: number, theirs: number): Promise<ClassicAnswer> {
    const deadline = Date.now() + DEADLINE_MS;
    const before = this.replies;
    while (this.replies === before) {
      if (Date.now() > deadline) {
        throw new Error(`no answer to ${this.#address} in ${DEADLINE_MS} ms`);
      }
      await this.send(server, encodeClassicRequest(key(mine), key(theirs)));
      await Promise.race([
        once(this.#socket, 'message'),
        new Promise((resolve) => setTimeout(resolve, RETRANSMIT_MS)),
      ]);
    }
    const answer = decodeClassicReply(this.#replies[before]!, this.endpoint.family);
    if (answer === undefined) {
      throw new Error('no reply of the protocol');
    }
    return answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    await once(this.#socket, 'close');
  }
}
