import { ADDRESS_LENGTH, addressBytes, type Family } from './endpoint.js';

/** Who can use an address. Above `none`, each scope is wider than the one before. */
export const SCOPE = {
  /** No other host: unspecified, multicast, broadcast, IPv4-mapped, link-local (it lacks its zone). */
  none: 0,
  /** The host itself: 127.0.0.0/8 (RFC 1122), ::1 (RFC 4291). */
  loopback: 1,
  /** One network: RFC 1918, the shared space of carrier NATs (RFC 6598), ULA (RFC 4193). */
  private: 2,
  /** Everywhere. */
  global: 3,
} as const;

export type Scope = (typeof SCOPE)[keyof typeof SCOPE];

/** The scope of the address in network order at `at`: 4 or 16 bytes. */
export function addressScope(bytes: Uint8Array, at: number, family: Family): Scope {
  return family === 4 ? ipv4Scope(bytes, at) : ipv6Scope(bytes, at);
}

/** Whether an IPv6 address in text is link-local (fe80::/10, RFC 4291), with or without a zone. */
export function isLinkLocalIpv6(address: string): boolean {
  return /^fe[89ab]/i.test(address);
}

/** The scope of an address in text; a zone is ignored. Throws a RangeError on what is no address. */
export function scopeOf(address: string): Scope {
  const bytes = addressBytes(address);
  return addressScope(bytes, 0, bytes.length === ADDRESS_LENGTH[4] ? 4 : 6);
}

/**
 * Whether an endpoint can be right for the host that asks for it, both as the server sees them: a global
 * address for everyone, a private one for hosts in private space, on the server's link or on its host, a
 * loopback address for the server's host only.
 */
export function canReach(asker: Scope, target: Scope): boolean {
  // A source that is no use to others is link-local: it shares a network with the server.
  const reach = asker === SCOPE.none ? SCOPE.private : asker;
  return target !== SCOPE.none && reach <= target;
}

function ipv4Scope(bytes: Uint8Array, at: number): Scope {
  const first = bytes[at]!;
  const second = bytes[at + 1]!;
  if (first === 127) {
    return SCOPE.loopback;
  }
  if (
    first === 10 ||
    (first === 172 && (second & 0xf0) === 16) ||
    (first === 192 && second === 168) ||
    (first === 100 && (second & 0xc0) === 64)
  ) {
    return SCOPE.private;
  }
  // 0.0.0.0/8 (RFC 1122), link-local (RFC 3927), multicast and what is reserved above it (RFC 5735)
  const isUnusable = first === 0 || (first === 169 && second === 254) || first >= 224;
  return isUnusable ? SCOPE.none : SCOPE.global;
}

function ipv6Scope(bytes: Uint8Array, at: number): Scope {
  const first = bytes[at]!;
  const second = bytes[at + 1]!;
  if ((first & 0xfe) === 0xfc) {
    return SCOPE.private;
  }
  if (first === 0xff || (first === 0xfe && (second & 0xc0) === 0x80)) {
    return SCOPE.none; // multicast, link-local
  }
  if (first !== 0 || !isZero(bytes, at, 10)) {
    return SCOPE.global;
  }
  // The first 80 bits are zero: unspecified, loopback, IPv4-mapped and IPv4-compatible (RFC 4291 2.5)
  return isZero(bytes, at + 10, 5) && bytes[at + 15] === 1 ? SCOPE.loopback : SCOPE.none;
}

function isZero(bytes: Uint8Array, at: number, length: number): boolean {
  for (let i = at; i < at + length; i++) {
    if (bytes[i] !== 0) {
      return false;
    }
  }
  return true;
}
