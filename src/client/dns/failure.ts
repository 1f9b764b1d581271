import { RCODE } from '../../wire/dns-reply.js';

/** Why a question has no answer. */
export type LookupFailure =
  | { readonly kind: 'silent' }
  | { readonly kind: 'rcode'; readonly rcode: number }
  /** The reply is too long for a datagram, and TCP failed. */
  | { readonly kind: 'tcp'; readonly reason: string };

export const SILENT: LookupFailure = { kind: 'silent' };
export const UNREADABLE: LookupFailure = { kind: 'tcp', reason: 'no DNS answer came' };

const RCODE_NAMES = new Map<number, string>(
  Object.entries(RCODE).map(([name, number]) => [number, name]),
);

/** One line: what is wrong, and what to do. */
export function failureText(failure: LookupFailure, server: string, zone: string): string {
  switch (failure.kind) {
    case 'silent':
      return `no answer from ${server}: is the DNS server running, the tunnel to it up, and its UDP port open? still asking`;
    case 'tcp':
      return `${server} shortens its answers, and asking over TCP failed (${failure.reason}): is its TCP port open?`;
    case 'rcode':
      return rcodeText(failure.rcode, server, zone);
  }
}

function rcodeText(rcode: number, server: string, zone: string): string {
  const said = `${server} answers ${RCODE_NAMES.get(rcode) ?? `code ${rcode}`} for the zone ${zone}`;
  switch (rcode) {
    case RCODE.REFUSED:
      return `${said}: does it serve that zone, and to this host?`;
    case RCODE.SERVFAIL:
      return `${said}: can it read its WireGuard interface? see its log`;
    default:
      return `${said}: is it a server for peers of WireGuard?`;
  }
}
