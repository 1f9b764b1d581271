import { createHash, createPublicKey, type KeyObject, sign } from 'node:crypto';
import type { DnskeyAnswer, DSAnswer } from 'dns-packet';
import { encodeName } from '../../wire/dns-name.js';
import { canonicalName, encodeData } from './canonical-rrset.js';

/** ECDSAP256SHA256 (RFC 6605). */
export const ALGORITHM = 13;
/** How long resolvers keep the key and its digest, in seconds. */
const KEY_TTL = 3600;
/** Zone key and secure entry point (RFC 4034 section 2.1.1): one key for everything. */
const FLAGS = 257;
const PROTOCOL = 3;
const SHA_256 = 2;
const CURVE = 'prime256v1';

/** The key that signs a zone; it can sign several. The private part never leaves it. */
export class ZoneKey {
  /** Identifies the key in signatures (RFC 4034 appendix B). */
  readonly keyTag: number;
  private readonly publicKey: Buffer;

  /** Takes a private key on the curve P-256. Throws a RangeError for any other. */
  constructor(private readonly privateKey: KeyObject) {
    const { asymmetricKeyType, asymmetricKeyDetails } = privateKey;
    if (asymmetricKeyType !== 'ec' || asymmetricKeyDetails?.namedCurve !== CURVE) {
      throw new RangeError('not a private key on the curve P-256');
    }
    this.publicKey = publicPoint(privateKey);
    this.keyTag = keyTag(encodeData(this.dnskey('')));
  }

  /** The signature of bytes: 64 bytes, r then s (RFC 6605 section 4). */
  sign(bytes: Uint8Array): Buffer {
    return sign('sha256', bytes, { key: this.privateKey, dsaEncoding: 'ieee-p1363' });
  }

  /** The DNSKEY record of a zone. */
  dnskey(zone: string): DnskeyAnswer {
    const data = { flags: FLAGS, algorithm: ALGORITHM, key: this.publicKey };
    return { name: canonicalName(zone), type: 'DNSKEY', class: 'IN', ttl: KEY_TTL, data };
  }

  /** The DS record of a zone for its parent, with a SHA-256 digest (RFC 4509). */
  ds(zone: string): DSAnswer {
    const name = canonicalName(zone);
    const digest = createHash('sha256')
      .update(encodeName(name))
      .update(encodeData(this.dnskey(zone)))
      .digest();
    const data = { keyTag: this.keyTag, algorithm: ALGORITHM, digestType: SHA_256, digest };
    return { name, type: 'DS', class: 'IN', ttl: KEY_TTL, data };
  }

  /** DNSKEY and DS of a zone as zone files have them, a line each. */
  presentation(zone: string): string[] {
    const owner = `${canonicalName(zone)}.`;
    const { keyTag, algorithm, digestType, digest } = this.ds(zone).data;
    return [
      `${owner} IN DNSKEY ${FLAGS} ${PROTOCOL} ${ALGORITHM} ${this.publicKey.toString('base64')}`,
      `${owner} IN DS ${keyTag} ${algorithm} ${digestType} ${digest.toString('hex').toUpperCase()}`,
    ];
  }
}

/** The point x, y of the public key: 64 bytes (RFC 6605 section 4). */
function publicPoint(privateKey: KeyObject): Buffer {
  const { x = '', y = '' } = createPublicKey(privateKey).export({ format: 'jwk' });
  return Buffer.concat([Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]);
}

/** RFC 4034 appendix B, over the data of a DNSKEY record. */
function keyTag(data: Uint8Array): number {
  const sum = data.reduce((total, byte, at) => total + (at % 2 === 0 ? byte << 8 : byte), 0);
  return (sum + (sum >>> 16)) & 0xffff;
}
