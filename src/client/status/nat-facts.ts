/** How an address or a filter depends on the destination (RFC 4787 sections 4.1 and 5). */
export type Dependence =
  | 'endpoint-independent'
  | 'address-dependent'
  | 'address-and-port-dependent';

/** What is known of the NATs between this host and the internet; what is absent is not known. */
export interface NatFacts {
  /** `none`: the outside address is one of this host. */
  readonly mapping?: Dependence | 'none';
  readonly filtering?: Dependence;
  /** Whether a packet to the own outside address comes back in. */
  readonly hairpin?: boolean;
  /** Whether a NAT of the provider (RFC 6598) stands behind the router. */
  readonly carrierNat?: boolean;
  /** A port that the router forwards for us, or `none` where it offers that to nobody. */
  readonly portMapping?:
    | 'none'
    | { readonly protocol: 'pcp' | 'nat-pmp' | 'upnp'; readonly external: string };
}

/** One line for people. */
export function natText(facts: NatFacts): string {
  const { mapping, filtering, hairpin, carrierNat, portMapping } = facts;
  const parts = [
    ...(mapping === undefined ? [] : [mapping === 'none' ? 'no NAT' : `${mapping} mapping`]),
    ...(filtering === undefined ? [] : [`${filtering} filtering`]),
    ...(hairpin === undefined ? [] : [hairpin ? 'hairpins' : 'does not hairpin']),
    ...(carrierNat ? ['carrier NAT'] : []),
    ...(portMapping === undefined ? [] : [portMappingText(portMapping)]),
  ];
  return parts.length === 0 ? 'not known' : parts.join(', ');
}

function portMappingText(portMapping: NonNullable<NatFacts['portMapping']>): string {
  return portMapping === 'none'
    ? 'the router offers no port mapping'
    : `port mapped by ${portMapping.protocol} to ${portMapping.external}`;
}
