import { type Endpoint, formatEndpoint } from '../../wire/endpoint.js';
import type { Protocol, ServerState, ServerView } from './status.js';

/** What a locator knows about a server. */
interface Located {
  readonly endpoint: Endpoint | undefined;
  readonly isAnswering: boolean;
}

/** A server as shown to people. */
export function serverView(
  protocol: Protocol,
  { host, port }: { readonly host: string; readonly port: number },
  located: Located,
  isSilent: boolean,
  roundTripMs?: number,
): ServerView {
  return {
    name: host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`,
    protocol,
    endpoint: located.endpoint && formatEndpoint(located.endpoint),
    roundTripMs: roundTripMs === undefined ? undefined : Math.round(roundTripMs * 10) / 10,
    state: serverState(located, isSilent),
  };
}

function serverState({ endpoint, isAnswering }: Located, isSilent: boolean): ServerState {
  if (endpoint === undefined) {
    return 'resolving';
  }
  if (isSilent) {
    return 'silent';
  }
  return isAnswering ? 'answers' : 'asking';
}
