import type { Socket } from 'node:net';
import { decodeFrame, encodeFrame, frameLength } from '../wire/dns-frame.js';
import { MAX_DNS_MESSAGE } from '../wire/dns-reply.js';
import { withoutZone } from '../wire/endpoint.js';
import { SILENCE } from './responder.js';
import type { Answering } from './udp-handler.js';

/** No query for these zones is longer; with it a connection keeps little in memory. */
const MAX_QUERY_LENGTH = 4096;

/** Answers that wait for the asker to read them; while there are more, no further query is taken. */
const MAX_UNREAD_BYTES = 128 * 1024;

/** Asker and server may keep a connection for more queries (RFC 7766 section 6.2.3), but not for ever. */
const IDLE_TIMEOUT_MS = 10_000;

/** Replies are made here and copied; one at a time, as that takes no turn of the loop. */
const scratch = new Uint8Array(MAX_DNS_MESSAGE);

/**
 * Answers the queries of a connection in order, until the asker ends it, asks nothing for 10 s, or sends
 * what is no query.
 * @param source whose rate its queries count for
 */
export function serveConnection(socket: Socket, source: number, answering: Answering): void {
  const connection = new TcpConnection(socket, source, answering);
  socket.on('data', (bytes) => connection.receive(bytes));
  socket.on('drain', () => connection.advance());
  socket.on('end', () => connection.finish());
  socket.on('error', () => socket.destroy());
}

class TcpConnection {
  private received: Uint8Array = new Uint8Array(0);
  private readonly idle: NodeJS.Timeout;
  private waiting = false;
  private ended = false;

  constructor(
    private readonly socket: Socket,
    private readonly source: number,
    private readonly answering: Answering,
  ) {
    this.idle = setTimeout(() => socket.destroy(), IDLE_TIMEOUT_MS);
    socket.on('close', () => clearTimeout(this.idle));
  }

  receive(bytes: Uint8Array): void {
    this.received = Buffer.concat([this.received, bytes]);
    this.advance();
  }

  /** The asker sends no more: what it has asked is still answered. */
  finish(): void {
    this.ended = true;
    this.advance();
  }

  /** Answers what has arrived, as far as it is whole and its answers are read. */
  advance(): void {
    const { socket } = this;
    while (!this.waiting && !socket.destroyed) {
      if (socket.writableLength > MAX_UNREAD_BYTES) {
        socket.pause();
        return;
      }
      const query = this.nextQuery();
      if (query === undefined) {
        break;
      }
      this.idle.refresh();
      this.take(query);
    }
    if (this.ended && !this.waiting) {
      socket.end();
    } else if (!this.waiting) {
      socket.resume();
    }
  }

  /** The next whole query; ends the connection when what comes is too long for one. */
  private nextQuery(): Uint8Array | undefined {
    if ((frameLength(this.received) ?? 0) > MAX_QUERY_LENGTH) {
      this.socket.destroy();
      return undefined;
    }
    const frame = decodeFrame(this.received);
    this.received = frame?.rest ?? this.received;
    return frame?.message;
  }

  private take(query: Uint8Array): void {
    const { limiter, responder, source, now } = this.answering;
    if (!limiter.allows(this.source, now())) {
      responder.counts.tcp.limited++;
      this.socket.destroy();
      return;
    }
    const reading = source.refresh();
    if (reading === undefined) {
      this.answer(query);
      return;
    }
    this.waiting = true;
    this.socket.pause();
    reading.then(() => {
      this.waiting = false;
      this.answer(query);
      this.advance();
    });
  }

  private answer(query: Uint8Array): void {
    const { socket } = this;
    scratch.set(query);
    const local = () => socket.localAddress && withoutZone(socket.localAddress);
    const length = this.answering.responder.respond(scratch, query.length, 'tcp', local);
    if (length === SILENCE) {
      socket.destroy();
      return;
    }
    socket.write(encodeFrame(scratch.subarray(0, length)));
  }
}
