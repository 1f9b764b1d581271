import { createHash } from 'node:crypto';
import type { RrsigAnswer } from 'dns-packet';
import {
  canonicalName,
  canonicalRrset,
  encodeData,
  labelsOf,
  type ResourceRecord,
  type Rrset,
} from './canonical-rrset.js';
import { type Signature, SignatureCache } from './signature-cache.js';
import { ALGORITHM, type ZoneKey } from './zone-key.js';

const HOUR = 3600;
/** A signature is valid from an hour before it was made, for slow clocks, */
const VALID_BEFORE = HOUR;
/** until two hours after: short, because a recorded answer can be replayed for that time. */
const VALID_AFTER = 2 * HOUR;
/** It is used for an hour, so that it is still valid for another one when it is sent. */
const USED_FOR = HOUR;

/** Makes the RRSIG records of a key, and keeps the signatures for as long as they can be used. */
export class RrsetSigner {
  private readonly cache: SignatureCache;

  /**
   * @param now the time in milliseconds since 1970
   * @param capacity signatures kept, each about 500 bytes
   * @param onMade called for each signature that is made
   */
  constructor(
    private readonly key: ZoneKey,
    private readonly now: () => number,
    capacity: number,
    private readonly onMade: () => void = () => {},
  ) {
    this.cache = new SignatureCache(capacity, USED_FOR);
  }

  /** The signature of a set (RFC 4034 section 3). */
  sign(records: Rrset, zone: string): RrsigAnswer {
    const now = Math.floor(this.now() / 1000);
    const set = canonicalRrset(records);
    const record = (signature: Signature) => rrsig(records[0], zone, this.key.keyTag, signature);
    const sign = () => {
      this.onMade();
      const unsigned = record({ bytes: Buffer.alloc(0), madeAt: now });
      return this.key.sign(Buffer.concat([encodeData(unsigned), set]));
    };
    const content = createHash('sha256').update(`${zone}\n`).update(set).digest('base64');
    return record(this.cache.get(content, now, sign));
  }
}

function rrsig(
  { name, type, ttl = 0 }: ResourceRecord,
  zone: string,
  keyTag: number,
  { bytes, madeAt }: Signature,
): RrsigAnswer {
  const data = {
    typeCovered: type,
    algorithm: ALGORITHM,
    labels: labelsOf(canonicalName(name)).length,
    originalTTL: ttl,
    expiration: madeAt + VALID_AFTER,
    inception: madeAt - VALID_BEFORE,
    keyTag,
    signersName: canonicalName(zone),
    signature: bytes,
  };
  return { name, type: 'RRSIG', class: 'IN', ttl, data };
}
