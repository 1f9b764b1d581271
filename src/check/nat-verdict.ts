import type { NatFacts } from '../client/status/nat-facts.js';
import { parseEndpoint } from '../wire/endpoint.js';

/** What to expect of a pair of peers behind two NATs, with advice if they do not connect directly. */
export interface NatVerdict {
  readonly verdict: string;
  readonly advice?: string;
}

const RELAY_ADVICE =
  'have a router of one side map or forward the port of WireGuard, or use a server with --relay';

const CARRIER_ADVICE =
  'use a server with --relay, or have the carrier map a port, or give both hosts IPv6';

/** The verdict for two peers and their NATs. Says what is unknown about them. Pure. */
export function natVerdict(
  own: NatFacts,
  peer: NatFacts,
  outsideAddresses: readonly string[],
): NatVerdict {
  const direct = (why: string) => ({ verdict: `direct expected, because ${why}` });
  if (own.mapping === 'none') {
    return direct('this host has no NAT');
  }
  if (peer.mapping === 'none') {
    return direct('the peer has no NAT');
  }
  if (hasOpenPort(own, outsideAddresses)) {
    return direct("this host's router maps the port");
  }
  return mappingVerdict(kindOf(own), kindOf(peer));
}

type Kind = 'easy' | 'hard' | 'unknown';

function kindOf({ mapping }: NatFacts): Kind {
  if (mapping === undefined) {
    return 'unknown';
  }
  return mapping === 'endpoint-independent' ? 'easy' : 'hard';
}

function mappingVerdict(own: Kind, peer: Kind): NatVerdict {
  const hard = 'an endpoint-dependent mapping';
  switch (`${own} ${peer}` as const) {
    case 'easy easy':
      return { verdict: 'direct expected, because both NATs have an endpoint-independent mapping' };
    case 'hard hard':
      return {
        verdict: `relay needed, because both NATs have ${hard}`,
        advice: RELAY_ADVICE,
      };
    case 'hard easy':
      return {
        verdict: `direct expected after a search for the port, because only this host's NAT has ${hard}`,
      };
    case 'easy hard':
      return {
        verdict: `direct expected after a search for the port, because only the peer's NAT has ${hard}`,
      };
    case 'easy unknown':
      return {
        verdict: "direct expected, because this host's NAT has an endpoint-independent mapping",
      };
    case 'unknown easy':
      return {
        verdict: "direct expected, because the peer's NAT has an endpoint-independent mapping",
      };
    case 'hard unknown':
      return {
        verdict: `relay needed where the peer's NAT is like this host's, which has ${hard}`,
        advice: RELAY_ADVICE,
      };
    case 'unknown hard':
      return {
        verdict: `relay needed where this host's NAT is like the peer's, which has ${hard}`,
        advice: RELAY_ADVICE,
      };
    case 'unknown unknown':
      return { verdict: `direct expected unless both NATs have ${hard}` };
  }
}

/** A mapped port counts only where the router's outside address is the one that servers see. */
function hasOpenPort({ portMapping }: NatFacts, outsideAddresses: readonly string[]): boolean {
  return (
    typeof portMapping === 'object' &&
    outsideAddresses.includes(parseEndpoint(portMapping.external).address)
  );
}

/**
 * Two peers behind the same NAT: they connect by their local addresses, which the sealed protocol exchanges, or
 * through the NAT if it hairpins (RFC 4787 section 6). Behind a carrier's NAT that does not, two homes have no
 * direct path.
 * @param isTried whether a client has tried the local addresses in vain
 */
export function neighbourVerdict(
  { hairpin }: NatFacts,
  isSealed: boolean,
  isTried = false,
): NatVerdict {
  const same = 'behind the same NAT as this host';
  if (isSealed && hairpin === false && isTried) {
    return {
      verdict: `${same}, which does not hairpin, and not reached at its local addresses: relay needed behind a carrier's NAT`,
      advice: CARRIER_ADVICE,
    };
  }
  if (isSealed && hairpin === false) {
    return {
      verdict: `${same}, which does not hairpin: direct by its local address in the same LAN; relay needed where each has a router of its own behind a carrier's NAT`,
    };
  }
  if (isSealed) {
    return {
      verdict: `${same}: direct expected by its local address${hairpin ? ', or through the NAT, which hairpins' : ''}`,
    };
  }
  switch (hairpin) {
    case true:
      return { verdict: `${same}: direct expected, because the NAT hairpins` };
    case false:
      return {
        verdict: `${same}, which does not hairpin`,
        advice: 'use the sealed protocol on both sides: it exchanges local addresses',
      };
    default:
      return { verdict: `${same}: direct expected if the NAT hairpins` };
  }
}
