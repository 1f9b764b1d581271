import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { addressFamily } from '../wire/endpoint.js';

/** Where clients keep state without a unit's StateDirectory; empty after a reboot. */
export const RUN_FOLDER = '/run/wg-rendezvous';

const MAX_ADDRESSES = 16;

/** Keeps the addresses of a name from one run to the next. Never throws. */
export interface AddressStore {
  /** The addresses of the last successful lookup; none if there are none, or they cannot be read. */
  load(): readonly string[];
  save(addresses: readonly string[]): void;
}

/**
 * A store in the unit's StateDirectory (systemd.exec(5)), else in /run/wg-rendezvous: one file for each
 * name, one address a line. A resolver that lies inside a dead tunnel then does not keep the tunnel dead.
 */
export class SavedAddresses implements AddressStore {
  readonly #file: string;
  readonly #folder: string;
  #saved: string | undefined;

  constructor(host: string, folder = stateFolder()) {
    this.#folder = folder;
    this.#file = join(folder, `server-${encodeURIComponent(host)}`);
  }

  load(): readonly string[] {
    try {
      const lines = readFileSync(this.#file, 'latin1').split('\n');
      return lines.filter((line) => addressFamily(line) !== undefined).slice(0, MAX_ADDRESSES);
    } catch {
      return [];
    }
  }

  /** A client that cannot write there goes on without it. */
  save(addresses: readonly string[]): void {
    const text = [...addresses].sort().slice(0, MAX_ADDRESSES).join('\n');
    if (text === this.#saved) {
      return;
    }
    try {
      mkdirSync(this.#folder, { recursive: true, mode: 0o755 });
      const draft = `${this.#file}.${process.pid}`;
      writeFileSync(draft, `${text}\n`, { mode: 0o644, flag: 'w' });
      renameSync(draft, this.#file);
      this.#saved = text;
    } catch {
      // The next lookup tries again.
    }
  }
}

/** The first of the unit's state directories, if this is a unit that has one. */
function stateFolder(): string {
  return process.env['STATE_DIRECTORY']?.split(':')[0] || RUN_FOLDER;
}
