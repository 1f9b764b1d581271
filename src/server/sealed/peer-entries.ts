import type { FrameWriter } from '../../wire/sealed-frame-writer.js';
import { ENTRY_FLAG, entryLength } from '../../wire/sealed-frames.js';
import type { Directory, Disclosure } from './directory.js';
import { NO_OFFER } from './offer-store.js';
import { NO_WISH } from './wishes.js';

/**
 * Adds to a list of peers what the owner of a wish may know; NO_WISH stands for one that is not kept.
 * @param key the peer's, 32 bytes at keyAt
 * @returns false when the entry does not fit
 */
export function addEntry(
  writer: FrameWriter,
  directory: Directory,
  wish: number,
  key: Uint8Array,
  keyAt: number,
): boolean {
  const about = wish === NO_WISH ? undefined : directory.about(wish);
  const flags = wish === NO_WISH ? ENTRY_FLAG.notKept : flagsOf(about);
  if (!writer.fits(entryLength(flags)!)) {
    return false;
  }
  writer.addEntry(key, keyAt, flags);
  if (about !== undefined) {
    putDisclosure(writer, directory, about);
  }
  return true;
}

function flagsOf(about: Disclosure | undefined): number {
  if (about === undefined) {
    return 0;
  }
  const { peer, offer } = about;
  return (
    (peer.paths[4] === undefined ? 0 : ENTRY_FLAG.ipv4) |
    (peer.paths[6] === undefined ? 0 : ENTRY_FLAG.ipv6) |
    (offer === NO_OFFER ? 0 : ENTRY_FLAG.candidates)
  );
}

function putDisclosure(writer: FrameWriter, { offers }: Directory, { peer, offer }: Disclosure) {
  for (const path of [peer.paths[4], peer.paths[6]]) {
    if (path !== undefined) {
      writer.putEndpoint(path.bytes, 0, path.family, path.port);
    }
  }
  if (offer !== NO_OFFER) {
    writer.putCandidates(offers.read(offer));
  }
}
