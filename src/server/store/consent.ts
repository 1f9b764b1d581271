import { FAMILIES } from '../../wire/endpoint.js';
import { compareTai64n } from '../../wire/tai64n.js';
import type { ClientRecord, Want } from '../sealed/client-record.js';
import type { Place, Places } from './entries.js';

/** A peer that wants the owner of a want, and so may be disclosed to it. */
export interface OtherSide {
  readonly paths: Places;
  /** Its candidates for the owner. */
  readonly candidates: Uint8Array | undefined;
}

/** What one registration of the peer says. */
interface Claim extends OtherSide {
  readonly timestamp: Uint8Array;
  readonly wants: boolean;
}

/**
 * The peer of a want, where it may be disclosed: it is registered, here or with another server, and its newest
 * registration wants the owner. Registrations are ordered by the timestamps of their initiations, which only the
 * holder of the peer's key can make; if they are equal, this server's counts.
 * @param local the peer, if it is a client of this server
 */
export function otherSide(want: Want, local: ClientRecord | undefined): OtherSide | undefined {
  let newest = localClaim(want, local);
  for (const remote of want.remotes ?? []) {
    const { timestamp, places: paths } = remote.registration;
    if (newest === undefined || compareTai64n(timestamp, 0, newest.timestamp, 0) > 0) {
      newest = { timestamp, paths, candidates: remote.candidates, wants: true };
    }
  }
  return newest?.wants ? newest : undefined;
}

/** Whether two of them look the same to the owner of the want. */
export function isSameSide(a: OtherSide | undefined, b: OtherSide | undefined): boolean {
  if (a === undefined || b === undefined) {
    return a === b;
  }
  const { candidates: mine = NO_BYTES } = a;
  const { candidates: other = NO_BYTES } = b;
  return (
    FAMILIES.every((family) => isSamePlace(a.paths[family], b.paths[family])) &&
    Buffer.compare(mine, other) === 0
  );
}

const NO_BYTES = new Uint8Array(0);

/**
 * Undefined where this server does not know whether the peer wants the owner: its list is not complete, or the
 * peer is known to have a newer registration elsewhere.
 */
function localClaim({ reverse }: Want, local: ClientRecord | undefined): Claim | undefined {
  const peer = reverse?.owner ?? local;
  if (!peer?.isRegistered || peer.isElsewhere || (reverse === undefined && !peer.hasList)) {
    return undefined;
  }
  const { paths, current, timestamp } = peer;
  return {
    timestamp: current?.timestamp ?? timestamp,
    wants: reverse !== undefined,
    paths,
    candidates: reverse?.candidates?.bytes,
  };
}

function isSamePlace(a: Place | undefined, b: Place | undefined): boolean {
  if (a === undefined || b === undefined) {
    return a === b;
  }
  const length = a.family === 4 ? 4 : 16;
  return (
    a.port === b.port &&
    Buffer.compare(a.bytes.subarray(0, length), b.bytes.subarray(0, length)) === 0
  );
}
