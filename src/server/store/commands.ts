import type { ScriptName } from './scripts.js';

/** A command for the store, and what becomes of its answer. */
export type StoreCommand = ScriptCommand | PublishCommand;

export interface ScriptCommand {
  readonly script: ScriptName;
  readonly keys: readonly string[];
  readonly args: readonly (Uint8Array | string | number)[];
  /** @param reply as the store gives it, byte strings as buffers; an Error where it refuses */
  done(reply: unknown, now: number): void;
}

export interface PublishCommand {
  readonly channel: string;
  readonly message: Uint8Array;
}

/** The bytes of a command, roughly. */
export function sizeOf(command: StoreCommand): number {
  if ('channel' in command) {
    return command.message.length;
  }
  const lengths = [...command.keys, ...command.args].map((it) =>
    typeof it === 'number' ? 8 : it.length,
  );
  return lengths.reduce((sum, length) => sum + length, 0);
}

/** A part of the server that shares something through the store. */
export interface Sharer {
  /** The store can be reached; it holds nothing of this server, or something old. */
  up(now: number): void;
  /** It cannot be reached any more. Commands without an answer are forgotten. */
  down(now: number): void;
  /** Takes out commands to be sent now, about `room` of them at most. */
  take(room: number, now: number): StoreCommand[];
  /** How much waits. */
  readonly queued: number;
}
