/** A connection, as a pool sees it: a net.Socket. */
export interface PooledConnection {
  destroy(): unknown;
  once(event: 'close', listener: () => void): unknown;
}

export interface ConnectionLimits {
  /** Connections at once. */
  readonly capacity: number;
  /** Of those, the most that one source has. @default capacity */
  readonly perSource?: number;
}

/**
 * The open connections of a server, in bounded number. A newcomer is never refused: when there is no room,
 * the longest idle connection of the heaviest source is closed for it (RFC 7766 section 6.2.3). So a source
 * that opens many connections closes its own, and keeps no one else out.
 */
export class ConnectionPool {
  accepted = 0;
  /** Connections that were closed to make room. */
  displaced = 0;
  /** The source of each connection, the longest idle one first. */
  private readonly sources = new Map<PooledConnection, number>();
  private readonly perSource = new Map<number, number>();

  constructor(private readonly limits: ConnectionLimits) {}

  /** Connections that are open. */
  get size(): number {
    return this.sources.size;
  }

  /** Takes a connection, and makes room for it. */
  admit(connection: PooledConnection, source: number): void {
    this.accepted++;
    this.sources.set(connection, source);
    this.perSource.set(source, (this.perSource.get(source) ?? 0) + 1);
    connection.once('close', () => this.forget(connection));
    const { capacity, perSource = capacity } = this.limits;
    if ((this.perSource.get(source) as number) > perSource) {
      this.displaceOf(source);
    } else if (this.size > capacity) {
      this.displaceOf(undefined);
    }
  }

  /** The connection is in use: the others are idle for longer. */
  touch(connection: PooledConnection): void {
    const source = this.sources.get(connection);
    if (source !== undefined) {
      this.sources.delete(connection);
      this.sources.set(connection, source);
    }
  }

  closeAll(): void {
    for (const connection of [...this.sources.keys()]) {
      connection.destroy();
    }
  }

  /** Closes the longest idle connection of a source, or of the heaviest ones. */
  private displaceOf(source: number | undefined): void {
    const most = Math.max(...this.perSource.values());
    for (const [connection, owner] of this.sources) {
      if (source === undefined ? this.perSource.get(owner) === most : owner === source) {
        this.displaced++;
        this.forget(connection);
        connection.destroy();
        return;
      }
    }
  }

  private forget(connection: PooledConnection): void {
    const source = this.sources.get(connection);
    if (source === undefined) {
      return;
    }
    this.sources.delete(connection);
    const left = (this.perSource.get(source) as number) - 1;
    if (left === 0) {
      this.perSource.delete(source);
    } else {
      this.perSource.set(source, left);
    }
  }
}
