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

/** Watches the UDP packets on a bridge until it is stopped, or its lab is disposed. */
export class Capture implements AsyncDisposable {
  readonly #watcher: LabProcess;
  #marks = 0;

  private constructor(watcher: LabProcess) {
    this.#watcher = watcher;
  }

  /**
   * Starts on a bridge. `types` are the first payload bytes to record. @default all
   * Keeps the newest packets, about 15 000.
   */
  static async start(
    namespace: Namespace,
    bridge: string,
    types: readonly number[] = [],
  ): Promise<Capture> {
    const program = await nativeProgram('capture');
    const watcher = namespace.spawn(program, [bridge, ...types.map(String)]);
    await watcher.waitForOutput(/ready\n/);
    return new Capture(watcher);
  }

  /** All packets up to now, in the order of their arrival. */
  async packets(): Promise<CapturedPacket[]> {
    this.#marks += 1;
    this.#watcher.write('\n');
    await this.#watcher.waitForOutput(
      new RegExp(`^ready\\n(?:(?:\\d.*\\n)*mark\\n){${this.#marks}}`),
    );
    return this.#watcher.stdout.split('\n').flatMap(parsePacket);
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
