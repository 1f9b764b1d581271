import { closeSync, writeSync } from 'node:fs';
import { openPipe } from '../socket/process.js';
import { formatPublicKey } from '../wire/key.js';
import type { Peer, PeerConfig } from './device.js';
import { parseDump, presharedKeyIn } from './dump.js';
import { peerArguments, replaceArguments } from './peer-arguments.js';
import { runWg, startWg } from './wg-process.js';

/** Peers replaced by one `wg set`: each needs a descriptor of this process and of `wg`. */
export const MAX_REPLACEMENTS = 64;

/** Attempts at one `wg set`: each may find that the peers have changed. */
const MAX_ATTEMPTS = 3;

const FIRST_DESCRIPTOR = 3;

/** What `wg` makes of a key file for a peer without a preshared key: 32 zero bytes are none. */
const NO_KEY = Buffer.from(`${'A'.repeat(43)}=`);

/** A peer in its current state, and the change to make. */
interface Replacement {
  readonly change: PeerConfig;
  readonly peer: Peer;
  /** 44 characters of base64; overwritten after use. */
  readonly presharedKey: Buffer;
}

/**
 * Makes changes of which some replace their peer, as setPeers. `wg set` is started first and waits for
 * the preshared keys, which it reads from pipes; then the interface is read; and only when that reading
 * still has each peer unchanged does `wg` get the keys, and change the interface. So a removal by
 * another program is noticed unless it falls between the kernel's answer to that reading and the message of
 * the `wg` that waits: about a millisecond (docs/operations.md).
 */
export async function setWithReplacements(
  interfaceName: string,
  changes: readonly PeerConfig[],
): Promise<PeerConfig[]> {
  const replacements = changes.filter(({ replace }) => replace);
  const others = changes.filter(({ replace }) => !replace);
  const made = await setOnce(interfaceName, others, replacements.slice(0, MAX_REPLACEMENTS));
  for (let at = MAX_REPLACEMENTS; at < replacements.length; at += MAX_REPLACEMENTS) {
    made.push(...(await setOnce(interfaceName, [], replacements.slice(at, at + MAX_REPLACEMENTS))));
  }
  return made;
}

/** The changes made: without those of peers that cannot be replaced any more. */
async function setOnce(
  interfaceName: string,
  others: readonly PeerConfig[],
  wanted: readonly PeerConfig[],
): Promise<PeerConfig[]> {
  let replacements = await readReplaceable(interfaceName, wanted);
  for (let i = 0; i < MAX_ATTEMPTS && replacements.length > 0; i++) {
    const now = await attempt(interfaceName, others, replacements);
    if (now === undefined) {
      return [...others, ...replacements.map(({ change }) => change)];
    }
    replacements = now;
  }
  overwrite(replacements);
  if (others.length > 0) {
    await runWg(interfaceName, ['set', interfaceName, ...others.flatMap(peerArguments)]);
  }
  return [...others];
}

/** Makes the change, or returns the peers' current state if it has changed. */
async function attempt(
  interfaceName: string,
  others: readonly PeerConfig[],
  replacements: readonly Replacement[],
): Promise<Replacement[] | undefined> {
  const gates: Gate[] = [];
  try {
    for (const { presharedKey } of replacements) {
      gates.push(new Gate(presharedKey));
    }
    const set = startWg(
      interfaceName,
      [
        ...['set', interfaceName],
        ...others.flatMap(peerArguments),
        ...replacements.flatMap(({ change, peer }, i) =>
          replaceArguments(change, peer, `/proc/self/fd/${FIRST_DESCRIPTOR + i}`),
        ),
      ],
      gates.map(({ readEnd }) => readEnd),
    );
    set.output.catch(() => {});
    try {
      const now = await readReplaceable(
        interfaceName,
        replacements.map(({ change }) => change),
      );
      if (!isSame(replacements, now)) {
        return now;
      }
      overwrite(now);
      for (const gate of gates) {
        gate.open();
      }
      await set.output;
      return undefined;
    } finally {
      set.kill();
      await set.output.catch(() => {});
    }
  } finally {
    for (const gate of gates) {
      gate.close();
    }
    overwrite(replacements);
  }
}

/** Reads those peers that have never connected, with their preshared keys. Throws a WgError. */
async function readReplaceable(
  interfaceName: string,
  wanted: readonly PeerConfig[],
): Promise<Replacement[]> {
  const dump = await runWg(interfaceName, ['show', interfaceName, 'dump']);
  const keys = wanted.map(({ publicKey }) => {
    const found = presharedKeyIn(dump, publicKey);
    return found?.length === NO_KEY.length ? Buffer.from(found) : Buffer.from(NO_KEY);
  });
  const peers = new Map(
    parseDump(dump).peers.map((peer) => [formatPublicKey(peer.publicKey), peer]),
  );
  return wanted.flatMap((change, i) => {
    const peer = peers.get(formatPublicKey(change.publicKey));
    const presharedKey = keys[i] as Buffer;
    if (peer !== undefined && peer.latestHandshakeMs === 0 && peer.receivedBytes === 0) {
      return [{ change, peer, presharedKey }];
    }
    presharedKey.fill(0);
    return [];
  });
}

function isSame(before: readonly Replacement[], now: readonly Replacement[]): boolean {
  return (
    before.length === now.length &&
    before.every(({ peer, presharedKey }, i) => {
      const other = now[i] as Replacement;
      return (
        presharedKey.equals(other.presharedKey) &&
        peer.persistentKeepalive === other.peer.persistentKeepalive &&
        peer.allowedIps.join() === other.peer.allowedIps.join()
      );
    })
  );
}

function overwrite(replacements: readonly Replacement[]): void {
  for (const { presharedKey } of replacements) {
    presharedKey.fill(0);
  }
}

/**
 * A pipe that keeps `wg set` waiting for a preshared key. It holds the first character from the
 * beginning: when this process dies, `wg` reads a key that is too short and changes nothing, where an
 * empty file would mean no key.
 */
class Gate {
  readonly readEnd: number;
  readonly #writeEnd: number;
  readonly #presharedKey: Buffer;
  #isWriteEndClosed = false;

  constructor(presharedKey: Buffer) {
    const { readEnd, writeEnd } = openPipe();
    this.readEnd = readEnd;
    this.#writeEnd = writeEnd;
    this.#presharedKey = presharedKey;
    writeSync(writeEnd, presharedKey.subarray(0, 1));
  }

  /** Gives `wg` the rest of the key. A `wg` that has already exited reports why itself. */
  open(): void {
    try {
      writeSync(this.#writeEnd, this.#presharedKey.subarray(1));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EPIPE') {
        throw error;
      }
    }
    this.#closeWriteEnd();
  }

  close(): void {
    closeSync(this.readEnd);
    this.#closeWriteEnd();
  }

  #closeWriteEnd(): void {
    if (!this.#isWriteEndClosed) {
      this.#isWriteEndClosed = true;
      closeSync(this.#writeEnd);
    }
  }
}
