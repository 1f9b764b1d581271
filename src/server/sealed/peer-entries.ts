import { canReach } from '../../wire/endpoint-scope.js';
import type { FrameWriter } from '../../wire/sealed-frame-writer.js';
import { ENTRY_FLAG, entryLength } from '../../wire/sealed-frames.js';
import { otherSide } from '../store/consent.js';
import type { Place } from '../store/entries.js';
import type { ClientRecord, Want } from './client-record.js';

/**
 * Adds to a list of peers what the owner of a want may know about its peer.
 * @param want undefined for one that is not kept
 * @param key the peer's, 32 bytes at keyAt
 * @param findLocal finds a client of this server
 * @returns false when the entry does not fit
 */
export function addEntry(
  writer: FrameWriter,
  want: Want | undefined,
  key: Uint8Array,
  keyAt: number,
  findLocal: (key: string) => ClientRecord | undefined,
): boolean {
  // A peer without a want for the owner matters only where another server says that it has one.
  const peer = want && otherSide(want, want.remotes && findLocal(want.key));
  const ipv4 = reachable(peer?.paths[4], want?.owner);
  const ipv6 = reachable(peer?.paths[6], want?.owner);
  const candidates = peer?.candidates;
  const knowsRelay = want?.owner.knowsRelay === true;
  const relay = knowsRelay ? want.relay : undefined;
  const refusal = knowsRelay ? want.relayRefusal : undefined;
  const flags =
    (ipv4 === undefined ? 0 : ENTRY_FLAG.ipv4) |
    (ipv6 === undefined ? 0 : ENTRY_FLAG.ipv6) |
    (candidates === undefined ? 0 : ENTRY_FLAG.candidates) |
    (want === undefined ? ENTRY_FLAG.notKept : 0) |
    (relay === undefined ? 0 : ENTRY_FLAG.relayed) |
    (refusal === undefined ? 0 : ENTRY_FLAG.notRelayed);
  if (!writer.fits(entryLength(flags)!)) {
    return false;
  }
  writer.addEntry(key, keyAt, flags);
  putEndpoint(writer, ipv4);
  putEndpoint(writer, ipv6);
  if (candidates !== undefined) {
    writer.putCandidates(candidates);
  }
  if (relay !== undefined) {
    writer.putRelay(relay.allocation.port, relay);
  }
  if (refusal !== undefined) {
    writer.putRefusal(refusal);
  }
  return true;
}

/** The path of a peer, where an asker can reach its endpoint; see canReach. */
function reachable(path: Place | undefined, asker: ClientRecord | undefined): Place | undefined {
  const scope = asker?.scope;
  return path !== undefined && scope !== undefined && canReach(scope, path.scope)
    ? path
    : undefined;
}

function putEndpoint(writer: FrameWriter, path: Place | undefined): void {
  if (path !== undefined) {
    writer.putEndpoint(path.bytes, 0, path.family, path.port);
  }
}
