import type { PeerView } from '../client/peer-track.js';
import { SCOPE, scopeOf } from '../wire/endpoint-scope.js';

/** How packets reach a connected peer. */
export const PATHS = ['lan', 'direct', 'hard-nat', 'relay'] as const;

export type PathKind = (typeof PATHS)[number];

/** A view that may say by itself which path it is on. */
type Pathed = PeerView & { readonly path?: PathKind | undefined };

/** The path of a connected peer, from its endpoint where nothing else says; undefined for others. */
export function pathOf({ state, path, endpoint }: Pathed): PathKind | undefined {
  if (state !== 'connected' || endpoint === undefined) {
    return undefined;
  }
  const isNear = path === undefined && scopeOf(endpoint.address) !== SCOPE.global;
  return path ?? (isNear ? 'lan' : 'direct');
}
