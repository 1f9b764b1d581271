import { KEY_LENGTH } from '../../wire/key.js';
import type { ClientRecord } from './client-record.js';
import type { Push } from './pushes.js';

/** Local candidates (RFC 8445) that the owner of a want sealed to the peer. */
export interface SealedCandidates {
  /** 88 bytes that only the peer can open. */
  bytes: Uint8Array;
  /** The owner's session in which they came, and the counter of their message. */
  session: number;
  counter: number;
}

/** An entry of a client's want list: a peer that it wants to meet. */
export class Want {
  /** The peer's want for the owner. Only where there is one is anything disclosed. */
  reverse: Want | undefined;
  /** The push under way that informs the owner of the peer. */
  push: Push | undefined;
  /** Whether something changed since that push was sent. */
  isStale = false;
  /** The owner's local candidates for the peer. */
  candidates: SealedCandidates | undefined;

  /**
   * @param key of the peer; see keyText
   * @param listMark of the newest want list that holds it
   */
  constructor(
    readonly owner: ClientRecord,
    readonly key: string,
    public listMark: number,
  ) {}
}

/** The 32 bytes of a key at `at` as the text that names it in maps: a character for each byte. */
export function keyText(bytes: Buffer, at = 0): string {
  return bytes.toString('latin1', at, at + KEY_LENGTH);
}
