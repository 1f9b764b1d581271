import type { Socket } from 'node:net';
import { connectionSource } from '../limits/source-hash.js';
import { decodeFrame, encodeFrame, frameLength } from '../wire/dns-frame.js';
import { MAX_DNS_MESSAGE } from '../wire/dns-reply.js';
import { withoutZone } from '../wire/endpoint.js';
import { SILENCE } from './responder.js';
import type { Answering } from './udp-handler.js';

/** No valid query for these zones is longer. Bounds the memory of a connection. */
const MAX_QUERY_LENGTH = 4096;

/** Replies that the client has not read. Beyond this no further query is read. */
const MAX_UNREAD_BYTES = 128 * 1024;

/** A connection without a query ends after this time (RFC 7766 section 6.2.3). */
const IDLE_TIMEOUT_MS = 10_000;

/** Replies are written here and copied out, within one turn of the loop. */
const scratch = new Uint8Array(MAX_DNS_MESSAGE);

/**
 * Answers the queries of a connection in order, until the client ends it, sends no query for 10 s or a
 * malformed one, exceeds its rate, or the connection has to make room for another.
 */
export function serveConnection(socket: Socket, answering: Answering): void {
  const source = connectionSource(socket.remoteAddress, answering.hashKey);
  answering.connections.admit(socket, source);
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

  /** The client sends no more; its queries so far are still answered. */
  finish(): void {
    this.ended = true;
    this.advance();
  }

  /** Answers the complete queries, while the client reads the replies. */
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
      this.answering.connections.touch(socket);
      this.take(query);
    }
    if (this.ended && !this.waiting) {
      socket.end();
    } else if (!this.waiting) {
      socket.resume();
    }
  }

  /** The next complete query. Ends the connection if one is too long. */
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
