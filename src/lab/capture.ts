import { type Endpoint, endpoint } from '../wire/endpoint.js';
import type { Namespace } from './namespace.js';
import { nativeProgram } from './native-program.js';
import type { LabProcess } from './process.js';

/** A UDP packet that crossed the internet. */
export interface CapturedPacket {
  /** When it entered the internet's bridge, on the clock of `performance.now()`. */
  readonly timeMs: number;
  readonly source: Endpoint;
  readonly destination: Endpoint;
  /** The first byte of the payload: the message type in WireGuard's messages. */
  readonly type: number;
  /** Length of the payload in bytes. */
  readonly length: number;
}

/** WireGuard's handshake initiation, and its length in bytes. */
export const INITIATION_TYPE = 1;
const INITIATION_LENGTH = 148;

const LINE = /^(\d+) (\S+) (\d+) (\S+) (\d+) (\d+) (\d+)$/;

const MAX_PACKETS = 15_000;

/** Watches the UDP packets on a bridge until it is stopped, or its lab is disposed. */
export class Capture implements AsyncDisposable {
  readonly #watcher: LabProcess;
  #packets: CapturedPacket[] = [];

  private constructor(watcher: LabProcess) {
    this.#watcher = watcher;
  }

  /**
   * Starts on a bridge. `types` are the first payload bytes to record. @default all
   * Keeps the newest 15 000 packets.
   */
  static async start(
    namespace: Namespace,
    bridge: string,
    types: readonly number[] = [],
  ): Promise<Capture> {
    const program = await nativeProgram('capture');
    const watcher = namespace.spawn(program, [bridge, ...types.map(String)]);
    await watcher.takeOutput(/ready\n/);
    return new Capture(watcher);
  }

  /** All packets up to now, in the order of their arrival. */
  async packets(): Promise<CapturedPacket[]> {
    this.#watcher.write('\n');
    const lines = (await this.#watcher.takeOutput(/mark\n/)).split('\n');
    this.#packets = [...this.#packets, ...lines.flatMap(parsePacket)].slice(-MAX_PACKETS);
    return this.#packets;
  }

  async stop(): Promise<void> {
    await this.#watcher.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

function parsePacket(line: string): CapturedPacket[] {
  const [matched, time, from, fromPort, to, toPort, type, length] = LINE.exec(line) ?? [];
  if (matched === undefined) {
    return [];
  }
  return [
    {
      timeMs: Number(time) / 1e6 - performance.timeOrigin,
      source: endpoint(from as string, Number(fromPort)),
      destination: endpoint(to as string, Number(toPort)),
      type: Number(type),
      length: Number(length),
    },
  ];
}

/** Two handshake initiations in opposite directions, each sent before the other had arrived. */
export type Crossing = readonly [CapturedPacket, CapturedPacket];

/**
 * Finds WireGuard initiations that crossed: both ends of a pair sent one within `withinMs` of each
 * other. Identifies the ends by address, because a NAT may map one host to several ports.
 */
export function crossedInitiations(
  packets: readonly CapturedPacket[],
  withinMs: number,
): Crossing[] {
  const initiations = packets.filter(
    ({ type, length }) => type === INITIATION_TYPE && length === INITIATION_LENGTH,
  );
  return initiations.flatMap((first, index) =>
    initiations
      .slice(index + 1)
      .filter(
        (second) =>
          Math.abs(second.timeMs - first.timeMs) < withinMs &&
          second.source.address === first.destination.address &&
          second.destination.address === first.source.address,
      )
      .map((second): Crossing => [first, second]),
  );
}
