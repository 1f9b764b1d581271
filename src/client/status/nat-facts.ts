import { endpoint, formatEndpoint } from '../../wire/endpoint.js';
import { isInPrefix } from '../../wire/prefix.js';
import type { Mapping, MappingProtocol } from '../paths/mapping-protocols.js';
import type { NatBehaviour } from '../paths/nat-behaviour.js';

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
  /** A port that the router forwards for us, or `none` where it grants none. */
  readonly portMapping?:
    | 'none'
    | { readonly protocol: 'pcp' | 'nat-pmp' | 'upnp'; readonly external: string };
}

/** The space between a subscriber's router and a carrier's NAT (RFC 6598). */
const SHARED_SPACE = '100.64.0.0/10';

const PROTOCOLS: Record<MappingProtocol, 'pcp' | 'nat-pmp' | 'upnp'> = {
  PCP: 'pcp',
  'NAT-PMP': 'nat-pmp',
  UPnP: 'upnp',
};

/** The sources of the facts about this host's NATs. */
export interface NatSources {
  readonly behaviour: NatBehaviour;
  /** This host's IPv4 address on the link of its router; undefined if it has no router. */
  readonly local: string | undefined;
  /** What the router granted; `none` where it was asked and granted nothing. */
  readonly portMapping: Mapping | 'none' | undefined;
}

/** The facts about this host's NATs. Pure. */
export function natFacts({ behaviour, local, portMapping }: NatSources): NatFacts {
  const outside = typeof portMapping === 'object' ? portMapping.address : undefined;
  const isCarrier =
    behaviour.translation !== 'none' &&
    [local, outside].some((address) => address !== undefined && isCarrierAddress(address));
  return {
    ...behaviourFacts(behaviour),
    ...(isCarrier ? { carrierNat: true } : {}),
    ...(portMapping === undefined
      ? {}
      : { portMapping: portMapping === 'none' ? portMapping : mappingFact(portMapping) }),
  };
}

/** The facts that an observed behaviour gives, of this host's NATs or of a peer's. */
export function behaviourFacts({ translation, mapping, hairpinning }: NatBehaviour): NatFacts {
  if (translation !== 'nat') {
    return translation === 'none' ? { mapping: 'none' } : {};
  }
  return {
    ...(mapping === 'unknown' ? {} : { mapping }),
    ...(hairpinning === 'unknown' ? {} : { hairpin: hairpinning === 'yes' }),
  };
}

/** Whether an IPv4 address is one that carriers give to the routers of their subscribers. */
export function isCarrierAddress(address: string): boolean {
  return isInPrefix(address, SHARED_SPACE);
}

function mappingFact({ protocol, address, port }: Mapping) {
  return {
    protocol: PROTOCOLS[protocol],
    external: formatEndpoint(endpoint(address, port)),
  };
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
    ? 'the router maps no port'
    : `port mapped by ${portMapping.protocol} to ${portMapping.external}`;
}
