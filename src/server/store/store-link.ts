import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import { Redis } from 'iovalkey';
import { within } from '../../socket/time-limit.js';
import { type Sharer, type StoreCommand, sizeOf } from './commands.js';
import { SERVERS_CHANNEL, serverChannel } from './entries.js';
import { SCRIPTS, type ScriptName } from './scripts.js';
import type { StoreCounts } from './store-counts.js';
import type { StoreAddress } from './store-url.js';

/** Limits: unanswered commands and their bytes; commands of one batch. */
const MAX_IN_FLIGHT = 1024;
const MAX_BYTES_IN_FLIGHT = 4 * 1024 * 1024;
const MAX_BATCH = 64;

const CONNECT_MS = 5000;
/** Time limits: for a reply of the store, and for a message to come back to its sender. */
const ANSWER_MS = 5000;
const ECHO_MS = 15_000;
const CHECK_MS = 1000;

const FIRST_RETRY_MS = 250;
const MAX_RETRY_MS = 10_000;

const MAX_REASON_LENGTH = 120;

/** Events of a link. */
export interface StoreHandlers {
  /** The store became reachable, or unreachable, with the reason; once for each change. */
  onUp(): void;
  onDown(reason: string): void;
  /** A message of another server, or of this one. */
  onMessage(channel: string, message: Uint8Array, now: number): void;
}

/**
 * A connection with the store: one for commands, one for messages; both end together. Pending work stays with
 * the sharers. Nothing here throws or is awaited.
 */
export class StoreLink {
  private readonly sharers: readonly Sharer[];
  private clients: readonly Redis[] = [];
  /** Counts connections: replies and events of earlier ones are ignored. */
  private generation = 0;
  private isConnected = false;
  private isClosed = false;
  private said: string | undefined;
  private retryMs = FIRST_RETRY_MS;
  private retryTimer: NodeJS.Timeout | undefined;
  private commandsInFlight = 0;
  private bytesInFlight = 0;
  /** When each batch in flight was sent. */
  private readonly sentAt = new Set<{ readonly at: number }>();
  private echoedAt = 0;
  private readonly checkTimer: NodeJS.Timeout;

  /** @param server the name of this run; see SERVER_ID_LENGTH */
  constructor(
    private readonly address: StoreAddress,
    private readonly server: string,
    sharers: readonly Sharer[],
    private readonly handlers: StoreHandlers,
    private readonly counts: StoreCounts,
  ) {
    this.sharers = sharers;
    this.checkTimer = setInterval(() => this.check(), CHECK_MS);
    void this.connect();
  }

  get isUp(): boolean {
    return this.isConnected;
  }

  get inFlight(): number {
    return this.commandsInFlight;
  }

  /** Sends pending commands as far as there is room. */
  flush(): void {
    while (this.hasRoom) {
      const now = performance.now();
      const room = Math.min(MAX_BATCH, MAX_IN_FLIGHT - this.commandsInFlight);
      const commands: StoreCommand[] = [];
      for (const sharer of this.sharers) {
        commands.push(...sharer.take(room, now));
      }
      if (commands.length === 0) {
        return;
      }
      void this.send(commands, now);
    }
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.generation++;
    clearInterval(this.checkTimer);
    clearTimeout(this.retryTimer);
    this.disconnect();
  }

  private get hasRoom(): boolean {
    const { isConnected, commandsInFlight, bytesInFlight } = this;
    return isConnected && commandsInFlight < MAX_IN_FLIGHT && bytesInFlight < MAX_BYTES_IN_FLIGHT;
  }

  private async connect(): Promise<void> {
    const generation = ++this.generation;
    this.counts.attempts++;
    try {
      const commands = this.open(generation);
      const messages = this.open(generation);
      this.clients = [commands, messages];
      await inTime(Promise.all([this.login(commands), this.login(messages)]));
      const loads = Object.values(SCRIPTS).map((script) => commands.script('LOAD', script));
      const subscribed = messages.subscribe(SERVERS_CHANNEL, serverChannel(this.server));
      await inTime(Promise.all([...loads, subscribed]));
      messages.on('messageBuffer', (channel: Buffer, message: Buffer) =>
        this.receive(generation, channel.toString('latin1'), message),
      );
    } catch (error) {
      this.fail(generation, error);
      return;
    }
    if (generation === this.generation) {
      this.connected();
    }
  }

  private open(generation: number): Redis {
    const { path, host, port, isTls } = this.address;
    const client = new Redis({
      ...(path === undefined ? { host: host ?? '', port: port ?? 0 } : { path }),
      // TLS sends no server name for an IP address, but the certificate is checked against it.
      ...(isTls && { tls: host === undefined || isIP(host) ? {} : { servername: host } }),
      lazyConnect: true,
      connectTimeout: CONNECT_MS,
      keepAlive: ECHO_MS,
      // This class reconnects, and the sharers keep the pending work.
      retryStrategy: () => null,
      autoResubscribe: false,
      autoResendUnfulfilledCommands: false,
      enableOfflineQueue: false,
      enableReadyCheck: false,
      maxRetriesPerRequest: null,
    });
    let cause: Error | undefined;
    client.on('error', (error: Error) => {
      cause = error;
    });
    client.on('end', () => this.fail(generation, cause ?? new Error('it closed the connection')));
    return client;
  }

  private async login(client: Redis): Promise<void> {
    const { username, password, database } = this.address;
    await client.connect();
    if (password !== undefined) {
      await client.call('AUTH', ...(username === undefined ? [password] : [username, password]));
    }
    if (database !== 0) {
      await client.call('SELECT', database);
    }
    await client.call('PING');
  }

  private connected(): void {
    const now = performance.now();
    this.isConnected = true;
    this.echoedAt = now;
    this.retryMs = FIRST_RETRY_MS;
    this.said = undefined;
    this.counts.connected++;
    this.handlers.onUp();
    for (const sharer of this.sharers) {
      sharer.up(now);
    }
    this.flush();
  }

  private receive(generation: number, channel: string, message: Uint8Array): void {
    if (generation !== this.generation) {
      return;
    }
    const now = performance.now();
    this.echoedAt = channel === SERVERS_CHANNEL ? now : this.echoedAt;
    this.handlers.onMessage(channel, message, now);
  }

  private async send(commands: readonly StoreCommand[], now: number): Promise<void> {
    const { generation } = this;
    const [client] = this.clients;
    const bytes = commands.reduce((sum, command) => sum + sizeOf(command), 0);
    const batch = { at: now };
    this.commandsInFlight += commands.length;
    this.bytesInFlight += bytes;
    this.sentAt.add(batch);
    const pipeline = client!.pipeline();
    for (const command of commands) {
      if ('channel' in command) {
        pipeline.publish(command.channel, Buffer.from(command.message));
      } else {
        const { script, keys, args } = command;
        pipeline.callBuffer('EVALSHA', HASHES[script], keys.length, ...keys, ...args.map(argument));
      }
    }
    let replies: [Error | null, unknown][];
    try {
      replies = (await pipeline.exec()) ?? [];
    } catch (error) {
      this.fail(generation, error);
      return;
    }
    if (generation !== this.generation) {
      return;
    }
    this.commandsInFlight -= commands.length;
    this.bytesInFlight -= bytes;
    this.sentAt.delete(batch);
    this.answered(generation, commands, replies);
    this.flush();
  }

  private answered(
    generation: number,
    commands: readonly StoreCommand[],
    replies: readonly [Error | null, unknown][],
  ): void {
    const now = performance.now();
    for (const [i, command] of commands.entries()) {
      const [error, reply] = replies[i] ?? [new Error('no reply'), undefined];
      this.counts.commands++;
      if (error !== null) {
        this.counts.errors++;
        if (endsConnection(error)) {
          this.fail(generation, error);
          return;
        }
      }
      if ('script' in command) {
        command.done(error ?? reply, now);
      }
    }
  }

  /** Drops a connection whose replies or messages take too long. */
  private check(): void {
    const now = performance.now();
    const [oldest] = this.sentAt;
    if (this.isConnected && oldest !== undefined && now - oldest.at > ANSWER_MS) {
      this.fail(this.generation, silent(ANSWER_MS));
    } else if (this.isConnected && now - this.echoedAt > ECHO_MS) {
      this.fail(this.generation, new Error(`it passed on no message for ${ECHO_MS / 1000} s`));
    }
    this.flush();
  }

  private fail(generation: number, error: unknown): void {
    if (generation !== this.generation || this.isClosed) {
      return;
    }
    this.generation++;
    this.disconnect();
    if (this.isConnected) {
      this.isConnected = false;
      this.counts.lost++;
      const now = performance.now();
      for (const sharer of this.sharers) {
        sharer.down(now);
      }
    }
    const reason = this.reasonOf(error);
    if (this.said === undefined || (this.said !== reason && isLogin(reason))) {
      this.said = reason;
      this.handlers.onDown(reason);
    }
    this.retryTimer = setTimeout(() => void this.connect(), this.retryMs);
    this.retryMs = Math.min(2 * this.retryMs, MAX_RETRY_MS);
  }

  private disconnect(): void {
    this.commandsInFlight = 0;
    this.bytesInFlight = 0;
    this.sentAt.clear();
    for (const client of this.clients) {
      client.disconnect();
    }
    this.clients = [];
  }

  private reasonOf(error: unknown): string {
    const { code, message } = error as NodeJS.ErrnoException;
    if (/^(WRONGPASS|NOAUTH|ERR (Client sent AUTH|AUTH))/.test(message)) {
      return LOGIN_REFUSED;
    }
    if (code === 'ECONNREFUSED' || code === 'ENOENT') {
      return `nothing listens there (${code})`;
    }
    return printable(code ?? message, this.address.password);
  }
}

const LOGIN_REFUSED = 'it refuses the user or the password';

function isLogin(reason: string): boolean {
  return reason === LOGIN_REFUSED;
}

const HASHES = Object.fromEntries(
  Object.entries(SCRIPTS).map(([name, script]) => [
    name,
    createHash('sha1').update(script).digest('hex'),
  ]),
) as Readonly<Record<ScriptName, string>>;

function argument(value: Uint8Array | string | number): Buffer | string | number {
  return typeof value === 'object'
    ? Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    : value;
}

/** Whether the connection is of no more use: scripts that are gone, a login that ended, a restart. */
function endsConnection({ message }: Error): boolean {
  return /^(NOSCRIPT|NOAUTH|LOADING|Connection is closed)/.test(message);
}

/** An error message of the store or the system for the log: short, printable, without the password. */
export function printable(text: string, password: string | undefined): string {
  const without = password === undefined ? text : text.replaceAll(password, '***');
  return without.replace(/[^ -~]+/g, ' ').slice(0, MAX_REASON_LENGTH);
}

/** The error of a store that did not answer for so long. */
function silent(ms: number): Error {
  return new Error(`it did not answer for ${ms / 1000} s`);
}

/** Rejects where the store takes too long to be connected. */
function inTime<T>(work: Promise<T>): Promise<T> {
  return within(CONNECT_MS, work, () => {
    throw silent(CONNECT_MS);
  });
}
