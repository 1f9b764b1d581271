import assert from 'node:assert/strict';
import type { KeyPair } from '../../../src/sealed/key-pair.js';
import type { Service } from '../../../src/server/service.js';
import { formatEndpoint } from '../../../src/wire/endpoint.js';
import type { PublicKey } from '../../../src/wire/key.js';
import type { PeerEntry } from '../../../src/wire/sealed-frame-reader.js';
import { FRAME } from '../../../src/wire/sealed-frames.js';
import { until } from '../../native/deadline.js';
import { connect, Line } from '../sealed/line.js';
import { TestClient } from '../sealed/test-client.js';

/** A sealed client of one server over a real socket, which keeps all that it receives. */
export class SharedClient implements AsyncDisposable {
  readonly client: TestClient;
  /** Every entry about a peer, in order; empty answers are entries too. */
  readonly told: PeerEntry[] = [];
  private read = 0;

  /** Registers at a server, from an address, or from a line that has sessions with other servers too. */
  static async join(
    service: Service,
    key: KeyPair,
    from: string | Line,
    wanted: readonly PublicKey[],
    keys?: KeyPair,
  ): Promise<SharedClient> {
    const line = typeof from === 'string' ? await Line.open(from) : from;
    const client = new SharedClient(service, line, key, keys);
    await connect(client.client, line, service);
    await client.want(...wanted);
    return client;
  }

  private constructor(
    readonly service: Service,
    readonly line: Line,
    key: KeyPair,
    keys?: KeyPair,
  ) {
    this.client = new TestClient({ key }, '127.0.0.1', 0, keys);
  }

  get publicKey(): PublicKey {
    return this.client.publicKey;
  }

  /** Where the server sees it. */
  get place(): string {
    const { address, port } = this.line.socket.address();
    return formatEndpoint({ address, port, family: 4 });
  }

  /** Sends a want list, and returns when it is answered. */
  async want(...keys: readonly PublicKey[]): Promise<void> {
    const before = this.told.length;
    const first = this.client.listPart(keys);
    this.line.send(this.service, first);
    await until('the answer to a want list', () => {
      this.takeIn();
      return this.told.length >= before + keys.length;
    });
  }

  async ping(): Promise<void> {
    await this.line.ask(this.service, () => this.client.plain(FRAME.ping));
  }

  async bye(): Promise<void> {
    await this.line.ask(this.service, () => this.client.plain(FRAME.bye));
  }

  offer(peer: PublicKey, fill: number): void {
    const sealed = new Uint8Array(248).fill(fill);
    const message = this.client.seal((writer) =>
      writer.begin(FRAME.candidates).addCandidates(peer, sealed),
    );
    this.line.send(this.service, message);
  }

  /** Reads what arrived, and acknowledges pushes. */
  takeIn(): void {
    for (; this.read < this.line.received.length; this.read++) {
      const frame = this.client.open(this.line.received[this.read]);
      if (frame?.kind === FRAME.peers) {
        this.told.push(...frame.entries);
        if (frame.push) {
          const counter = this.client.transport!.lastCounter;
          this.line.send(
            this.service,
            this.client.seal((writer) => writer.begin(FRAME.ack).addCounter(counter)),
          );
        }
      }
    }
  }

  /** What it knows of a peer now: the last thing it was told. */
  about(peer: PublicKey): PeerEntry | undefined {
    this.takeIn();
    return this.told.filter(({ key }) => Buffer.compare(key, peer) === 0).at(-1);
  }

  placeOf(peer: PublicKey): string | undefined {
    const ipv4 = this.about(peer)?.ipv4;
    return ipv4 && formatEndpoint(ipv4);
  }

  /** Waits until it knows the other, who is at its place. */
  async meets(other: SharedClient): Promise<void> {
    await until('a peer of another server', () => this.placeOf(other.publicKey) === other.place);
  }

  /** Asserts that it was never told anything about a peer. */
  knowsNothingOf(peer: PublicKey): void {
    this.takeIn();
    for (const { key, ipv4, ipv6, candidates } of this.told) {
      if (Buffer.compare(key, peer) === 0) {
        assert.deepEqual([ipv4, ipv6, candidates], [undefined, undefined, undefined]);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.line[Symbol.asyncDispose]();
  }
}
