import { randomBytes } from 'node:crypto';
import { Channel } from '../client/channel.js';
import { SEALED_REPLY_LENGTHS } from '../client/sealed/server-channels.js';
import { Initiation } from '../sealed/initiation.js';
import { generateKeyPair, type KeyPair, wipeKeyPair } from '../sealed/key-pair.js';
import { MessageMacs } from '../sealed/mac.js';
import { ConnectedSocket } from '../socket/connected-socket.js';
import {
  CLASSIC_REPLY_LENGTH,
  type ClassicAnswer,
  decodeClassicReply,
  encodeClassicRequest,
} from '../wire/classic.js';
import type { Endpoint } from '../wire/endpoint.js';
import { type PublicKey, publicKey } from '../wire/key.js';
import { MESSAGE, messageType, NOTICE, readNoticeReason } from '../wire/sealed.js';
import { type ResponsePayload, STATUS } from '../wire/sealed-response.js';
import { decodeTai64n, encodeTai64n } from '../wire/tai64n.js';
import type { ProbeFacts } from './facts.js';

/** A request is sent at these times, in milliseconds, and given up at the last. */
const SENDS_MS = [0, 500, 1500, 3000];
/** Handshakes: the first has a cookie to fetch, the second a response that was lost to make up for. */
const MAX_HANDSHAKES = 2;

/** WireGuard's own port, to send from by a raw socket. */
export interface WireguardPort {
  readonly listenPort: number;
  readonly fwmark: number;
}

/** What a probe needs. */
export interface ProbeOptions {
  readonly endpoint: Endpoint;
  /** undefined: from an ordinary socket, because a client uses WireGuard's port. */
  readonly from: WireguardPort | undefined;
}

type Probed = Pick<ProbeFacts, 'outcome' | 'roundTripMs' | 'clockAheadMs' | 'staleByMs' | 'seenAs'>;

/**
 * Asks a server by the classic protocol with a random key, so that nothing is registered for this interface. A
 * second key asks where the first is, which is where the server sees this host.
 */
export async function probeClassic(options: ProbeOptions): Promise<Probed> {
  await using link = new Link(options, [0, CLASSIC_REPLY_LENGTH[options.endpoint.family]]);
  const decode = (payload: Uint8Array) => decodeClassicReply(payload, options.endpoint.family);
  const [mine, other] = [randomKey(), randomKey()];
  const first = await link.ask(() => encodeClassicRequest(mine, other), decode);
  if (first === undefined) {
    return { outcome: link.errorCode === undefined ? 'silent' : { errorCode: link.errorCode } };
  }
  const second = await link.ask(() => encodeClassicRequest(other, mine), decode);
  const seenAs = second?.answer === 'unknown' ? undefined : second?.answer;
  return { outcome: 'answered', roundTripMs: first.roundTripMs, seenAs };
}

/** Asks a classic server about keys, one after the other, until the time is over. */
export async function lookUpClassic(
  endpoint: Endpoint,
  keys: ReadonlyMap<string, PublicKey>,
  signal: AbortSignal,
): Promise<Map<string, ClassicAnswer>> {
  await using link = new Link({ endpoint, from: undefined }, [
    0,
    CLASSIC_REPLY_LENGTH[endpoint.family],
  ]);
  const mine = randomKey();
  const found = new Map<string, ClassicAnswer>();
  for (const [key, theirs] of keys) {
    if (signal.aborted) {
      break;
    }
    const reply = await link.ask(
      () => encodeClassicRequest(mine, theirs),
      (payload) => decodeClassicReply(payload, endpoint.family),
    );
    if (reply === undefined) {
      break;
    }
    found.set(key, reply.answer);
  }
  return found;
}

/**
 * Makes a handshake of the sealed protocol, and never uses the session: only its first message would
 * register anything.
 * @param own the interface's key pair, to learn whether it may register; undefined: a random one
 */
export async function probeSealed(
  options: ProbeOptions,
  serverKey: PublicKey,
  own: KeyPair | undefined,
): Promise<Probed> {
  const pair = own ?? generateKeyPair();
  const macs = new MessageMacs(serverKey);
  let cookie: Uint8Array | undefined;
  try {
    await using link = new Link(options, SEALED_REPLY_LENGTHS);
    for (let i = 0; i < MAX_HANDSHAKES; i++) {
      const index = randomBytes(4).readUInt32LE();
      const initiation = new Initiation(pair, macs, index, encodeTai64n(Date.now()));
      const reply = await handshake(link, initiation, cookie);
      initiation.wipe();
      if (reply === 'wrong-key') {
        return { outcome: 'wrong-key' };
      }
      if (reply?.payload !== undefined) {
        return described(reply.payload, reply.roundTripMs, own !== undefined);
      }
      cookie = reply?.cookie;
      if (cookie === undefined) {
        break;
      }
    }
    return { outcome: link.errorCode === undefined ? 'silent' : { errorCode: link.errorCode } };
  } finally {
    if (own === undefined) {
      wipeKeyPair(pair);
    }
  }
}

type HandshakeReply =
  | 'wrong-key'
  | { readonly payload: ResponsePayload; readonly cookie?: undefined; readonly roundTripMs: number }
  | { readonly payload?: undefined; readonly cookie: Uint8Array };

/** One initiation, first for a cookie, then with it; undefined if nothing came back. */
async function handshake(
  link: Link,
  initiation: Initiation,
  known: Uint8Array | undefined,
): Promise<HandshakeReply | undefined> {
  const read = (message: Uint8Array) => {
    switch (messageType(message, 0, message.length)) {
      case MESSAGE.cookie:
        return initiation.readCookie(message);
      case MESSAGE.response:
        return initiation.accept(message);
      case MESSAGE.notice:
        return readNoticeReason(message, 0) === NOTICE.wrongKey && initiation.isEchoedBy(message)
          ? ('wrong-key' as const)
          : undefined;
      default:
        return undefined;
    }
  };
  let cookie = known;
  for (let i = 0; i < 2; i++) {
    // With a cookie it is sent once: sent again it would be a replay.
    const reply = await link.ask(() => initiation.encode(cookie), read, cookie !== undefined);
    if (reply === undefined) {
      return cookie && { cookie };
    }
    const { answer, roundTripMs } = reply;
    if (answer === 'wrong-key') {
      return answer;
    }
    if (!(answer instanceof Uint8Array)) {
      answer.transport?.wipe();
      return { payload: answer.payload, roundTripMs };
    }
    cookie = answer;
  }
  return cookie && { cookie };
}

function described(payload: ResponsePayload, roundTripMs: number, isOwn: boolean): Probed {
  const { status, clockMs, latest } = payload;
  const now = Date.now();
  const common = { roundTripMs, clockAheadMs: Math.round(now - clockMs - roundTripMs / 2) };
  switch (status) {
    case STATUS.notAllowed:
      // For a random key it does not say.
      return { ...common, outcome: isOwn ? 'not-allowed' : 'answered' };
    case STATUS.full:
      return { ...common, outcome: 'full' };
    case STATUS.staleTimestamp:
      return {
        ...common,
        outcome: 'answered',
        staleByMs: latest && Math.max(0, Math.round(decodeTai64n(latest) - now)),
      };
    default:
      return { ...common, outcome: 'answered' };
  }
}

function randomKey(): PublicKey {
  return publicKey(new Uint8Array(randomBytes(32)));
}

interface Reply<T> {
  readonly answer: T;
  readonly roundTripMs: number;
}

/** A socket to one server, for one question at a time. */
class Link implements AsyncDisposable {
  /** Why the last send failed. */
  errorCode: string | undefined;
  readonly #send: (payload: Uint8Array) => void;
  readonly #close: () => Promise<void>;
  #received: (payload: Uint8Array) => void = () => {};
  #failed: () => void = () => {};

  constructor({ endpoint, from }: ProbeOptions, payloadLengths: readonly number[]) {
    const failed = (error: NodeJS.ErrnoException) => {
      this.errorCode = error.code ?? error.message;
      this.#failed();
    };
    const received = (payload: Uint8Array) => this.#received(payload);
    if (from === undefined) {
      let waiting: Uint8Array | undefined;
      const socket = new ConnectedSocket({
        server: endpoint,
        onConnected: () => waiting && socket.send(waiting),
        onMessage: received,
        onError: failed,
      });
      this.#send = (payload) => {
        waiting = payload;
        if (socket.isConnected) {
          socket.send(payload);
        }
      };
      this.#close = () => socket.close();
    } else {
      const channel = new Channel(received, failed, () => {});
      this.#send = (payload) => {
        try {
          channel.use({ server: endpoint, ...from, payloadLengths });
          channel.send(payload);
        } catch (error) {
          failed(error as Error);
        }
      };
      this.#close = () => channel.close();
    }
  }

  /**
   * Sends a request until an answer is accepted; undefined if none came, or nothing could be sent.
   * @param once send it once, and wait as long
   */
  async ask<T>(
    request: () => Uint8Array,
    accept: (payload: Uint8Array) => T | undefined,
    once = false,
  ): Promise<Reply<T> | undefined> {
    return new Promise((resolve) => {
      let sentAt = performance.now();
      const timers = SENDS_MS.map((ms, i) =>
        setTimeout(() => {
          if (i === SENDS_MS.length - 1) {
            end(undefined);
          } else if (i === 0 || !once) {
            sentAt = performance.now();
            this.#send(request());
          }
        }, ms),
      );
      const end = (reply: Reply<T> | undefined) => {
        for (const timer of timers) {
          clearTimeout(timer);
        }
        this.#received = () => {};
        this.#failed = () => {};
        resolve(reply);
      };
      this.errorCode = undefined;
      this.#received = (payload) => {
        const answer = accept(payload);
        if (answer !== undefined) {
          end({ answer, roundTripMs: performance.now() - sentAt });
        }
      };
      this.#failed = () => {
        // A closed port may open; a firewall or a missing route stays for the duration of a check.
        if (this.errorCode !== 'ECONNREFUSED') {
          end(undefined);
        }
      };
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }
}
