import { type EncodedSections, RCODE } from '../wire/dns-reply.js';
import {
  addressRecord,
  instanceLabel,
  instanceName,
  srvRecord,
  txtRecord,
} from '../wire/dns-sd.js';
import { type Endpoint, sameEndpoint } from '../wire/endpoint.js';
import type { Peer } from '../wireguard/device.js';
import type { Reply } from './signer.js';

/** The types of an instance's records; its endpoint decides between A and AAAA. */
export type InstanceType = 'SRV' | 'A' | 'AAAA' | 'TXT';

const IPV4_TYPES: readonly InstanceType[] = ['SRV', 'A', 'TXT'];
const IPV6_TYPES: readonly InstanceType[] = ['SRV', 'AAAA', 'TXT'];

/**
 * A reusable reply and its encoded form. It holds what each query needs in a single object: with 10 000
 * peers every further object is a cache miss.
 */
export class PreparedReply {
  /** Made when it is first sent; the same for all questions that get this reply. */
  encoded: EncodedSections | undefined;
  /** One of RCODE. */
  readonly rcode: number;
  /** The count that it goes to. */
  readonly outcome: 'answered' | 'nodata' | 'nxdomain';

  constructor(readonly reply: Reply) {
    this.rcode = RCODE[reply.rcode];
    const denial = reply.rcode === 'NXDOMAIN' ? 'nxdomain' : 'nodata';
    this.outcome = reply.answers.length > 0 ? 'answered' : denial;
  }
}

/** What the registry advertises about a peer. */
export type Advertised = Pick<Peer, 'publicKey' | 'allowedIps'> & { readonly endpoint: Endpoint };

/** A peer with an endpoint, and the replies about it, each made at its first query. */
export class Instance {
  /** The key as a label. */
  readonly label: string;
  /** The types of its records. */
  readonly types: readonly InstanceType[];
  /** By zone, then by type. */
  private readonly replies: (PreparedReply | undefined)[] = [];

  constructor(private readonly peer: Advertised) {
    this.label = instanceLabel(peer.publicKey);
    this.types = peer.endpoint.family === 4 ? IPV4_TYPES : IPV6_TYPES;
  }

  /** Whether a peer's records would be the same. */
  matches({ endpoint, allowedIps }: Advertised): boolean {
    return (
      sameEndpoint(endpoint, this.peer.endpoint) && sameTexts(allowedIps, this.peer.allowedIps)
    );
  }

  /** The reply for a type in a zone, the same object each time; undefined for types without records. */
  reply(type: string, zone: { readonly name: string; readonly index: number }) {
    const typeIndex = this.types.indexOf(type as InstanceType);
    if (typeIndex < 0) {
      return undefined;
    }
    const at = zone.index * this.types.length + typeIndex;
    let reply = this.replies[at];
    if (reply === undefined) {
      const name = instanceName(this.label, zone.name);
      reply = new PreparedReply(this.makeReply(type as InstanceType, name));
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
