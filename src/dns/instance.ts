import {
  addressRecord,
  instanceLabel,
  instanceName,
  srvRecord,
  txtRecord,
} from '../wire/dns-sd.js';
import { type Endpoint, sameEndpoint } from '../wire/endpoint.js';
import type { Peer } from '../wireguard/device.js';
import { PreparedReply } from './prepared-reply.js';
import type { Reply } from './signer.js';

/** The types that an instance has answers for; one of A and AAAA, by its endpoint. */
export type InstanceType = 'SRV' | 'A' | 'AAAA' | 'TXT';

const IPV4_TYPES: readonly InstanceType[] = ['SRV', 'A', 'TXT'];
const IPV6_TYPES: readonly InstanceType[] = ['SRV', 'AAAA', 'TXT'];

/** What is told of a peer. */
export type Advertised = Pick<Peer, 'publicKey' | 'allowedIps'> & { readonly endpoint: Endpoint };

/** A peer that has an endpoint, and the replies about it, each made when it is first asked for. */
export class Instance {
  /** The key as a label. */
  readonly label: string;
  /** The types there are answers for. */
  readonly types: readonly InstanceType[];
  /** For each zone one for each type; few objects, as among 10 000 peers each is a miss of the cache. */
  private readonly replies: (PreparedReply | undefined)[] = [];

  /** @param isKept whether it is told alike to all who ask, until the roster changes */
  constructor(
    private readonly peer: Advertised,
    private readonly isKept = true,
  ) {
    this.label = instanceLabel(peer.publicKey);
    this.types = peer.endpoint.family === 4 ? IPV4_TYPES : IPV6_TYPES;
  }

  /** Whether all that is told of the peer is as before. */
  tellsOf({ endpoint, allowedIps }: Advertised): boolean {
    return (
      sameEndpoint(endpoint, this.peer.endpoint) && sameTexts(allowedIps, this.peer.allowedIps)
    );
  }

  /** The reply for a type in a zone, the same each time; undefined where there is none of that type. */
  reply(type: string, zone: { readonly name: string; readonly index: number }) {
    const typeIndex = this.types.indexOf(type as InstanceType);
    if (typeIndex < 0) {
      return undefined;
    }
    const at = zone.index * this.types.length + typeIndex;
    let reply = this.replies[at];
    if (reply === undefined) {
      const name = instanceName(this.label, zone.name);
      reply = new PreparedReply(this.makeReply(type as InstanceType, name), this.isKept);
      this.replies[at] = reply;
    }
    return reply;
  }

  private makeReply(type: InstanceType, name: string): Reply {
    const { endpoint, publicKey, allowedIps } = this.peer;
    const address = addressRecord(name, endpoint);
    const text = txtRecord(name, publicKey, allowedIps);
    const none = { rcode: 'NOERROR', authorities: [] } as const;
    if (type === 'SRV') {
      // The address comes first: wgsd-client takes the first additional record for it.
      return { ...none, answers: [srvRecord(name, endpoint.port)], additionals: [address, text] };
    }
    return { ...none, answers: [type === 'TXT' ? text : address], additionals: [] };
  }
}

function sameTexts(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text, i) => text === b[i]);
}
