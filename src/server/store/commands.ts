import type { ScriptName } from './scripts.js';

/** A command for the store, and what handles its reply. */
export type StoreCommand = ScriptCommand | PublishCommand;

export interface ScriptCommand {
  readonly script: ScriptName;
  readonly keys: readonly string[];
  readonly args: readonly (Uint8Array | string | number)[];
  /** @param reply the store's, with byte strings as buffers; an Error if it refused the command */
  done(reply: unknown, now: number): void;
}

export interface PublishCommand {
  readonly channel: string;
  readonly message: Uint8Array;
}

/** Entries of one refresh, removal or lookup: each is a short pause of the store. */
export const ENTRIES_PER_COMMAND = 32;

/** Takes the first entries, as many as one command may have, out of a set or a map. */
export function takeEntries<K, V>(all: {
  entries(): Iterable<[K, V]>;
  delete(key: K): boolean;
}): [K, V][] {
  const taken: [K, V][] = [];
  for (const entry of all.entries()) {
    all.delete(entry[0]);
    taken.push(entry);
    if (taken.length === ENTRIES_PER_COMMAND) {
      break;
    }
  }
  return taken;
}

/** The approximate size of a command in bytes. */
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
  /** The store became reachable; it holds nothing of this server, or stale entries. */
  up(now: number): void;
  /** The store became unreachable. Unanswered commands are dropped. */
  down(now: number): void;
  /** Takes the commands to send now, about `room` of them at most. */
  take(room: number, now: number): StoreCommand[];
  /** How many items are waiting. */
  readonly queued: number;
}
