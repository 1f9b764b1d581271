import { type Endpoint, sameEndpoint } from '../../wire/endpoint.js';
import { SCOPE, scopeOf } from '../../wire/endpoint-scope.js';
import type { CandidateType } from '../../wire/sealed-candidates.js';

/** Where a peer may be, and how that is known (RFC 8445 section 5.1.1). */
export interface RemoteCandidate {
  /** `server-reflexive` only where the server itself observed it; `peer-reflexive`: the source of a probe. */
  readonly type: CandidateType | 'peer-reflexive';
  readonly endpoint: Endpoint;
  /** Whether only the peer says so. Probes to such endpoints are limited: they may be a third party's. */
  readonly isOffered: boolean;
}

/** Candidates of a peer, at the most. */
export const MAX_CANDIDATES = 16;

/** How a path to a peer leads: through a LAN or a tunnel, through the internet, or through a relay. */
export type PathKind = 'lan' | 'direct' | 'hard-nat' | 'relay';

/** The greater, the better the path: a host, then IPv6, then IPv4, then a relay (RFC 8421 section 4). */
export function preference({ type, endpoint }: RemoteCandidate): number {
  if (type === 'relayed') {
    return 0;
  }
  if (scopeOf(endpoint.address) === SCOPE.private) {
    return 3;
  }
  return endpoint.family === 6 ? 2 : 1;
}

/** The kind of the path to a candidate. */
export function pathKind({ type, endpoint }: RemoteCandidate): PathKind {
  if (type === 'relayed') {
    return 'relay';
  }
  return scopeOf(endpoint.address) === SCOPE.private ? 'lan' : 'direct';
}

/** The candidates without those whose endpoint came before, MAX_CANDIDATES at the most. */
export function distinct(candidates: readonly RemoteCandidate[]): RemoteCandidate[] {
  return candidates
    .filter(
      (one, i) => candidates.findIndex((other) => sameEndpoint(one.endpoint, other.endpoint)) === i,
    )
    .slice(0, MAX_CANDIDATES);
}
