import ipaddr from 'ipaddr.js';

/**
 * Parses an AllowedIP (`10.0.0.1/32`, `2001:db8::/64`) and gives its network's text: the bits behind the
 * prefix are cleared. Throws a RangeError.
 */
export function parsePrefix(text: string): string {
  try {
    const [address, length] = ipaddr.parseCIDR(text);
    const network =
      address.kind() === 'ipv4'
        ? ipaddr.IPv4.networkAddressFromCIDR(text).toString()
        : ipaddr.IPv6.networkAddressFromCIDR(text).toRFC5952String();
    return `${network}/${length}`;
  } catch (cause) {
    throw new RangeError(`expected ADDRESS/LENGTH, got ${text}`, { cause });
  }
}

/** Whether an address lies inside an AllowedIP of its family. Throws a RangeError on what is none. */
export function isInPrefix(address: string, text: string): boolean {
  return new PrefixSet([text]).has(address);
}

/** Networks that are parsed once, for many addresses. */
export class PrefixSet {
  readonly #networks: readonly ReturnType<typeof ipaddr.parseCIDR>[];

  /** Throws a RangeError on what is no AllowedIP. */
  constructor(prefixes: readonly string[]) {
    this.#networks = prefixes.map((text) => ipaddr.parseCIDR(parsePrefix(text)));
  }

  /** Whether an address lies inside one of them. Throws a RangeError on what is no address. */
  has(address: string): boolean {
    const parsed = ipaddr.parse(address);
    const kind = parsed.kind();
    return this.#networks.some(
      ([network, length]) => network.kind() === kind && parsed.match(network, length),
    );
  }
}

/** The length in bits of an AllowedIP: 24 of `10.0.0.0/24`. */
export function prefixLength(text: string): number {
  return Number(text.slice(text.lastIndexOf('/') + 1));
}
