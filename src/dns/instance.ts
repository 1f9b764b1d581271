import {
  addressRecord,
  instanceLabel,
  instanceName,
  srvRecord,
  txtRecord,
} from '../wire/dns-sd.js';
import { type Endpoint, sameEndpoint } from '../wire/endpoint.js';
import type { PublicKey } from '../wire/key.js';
import type { Peer } from '../wireguard/device.js';
import type { Reply } from './signer.js';

/** The types that an instance has answers for; one of A and AAAA, by its endpoint. */
export type InstanceType = 'SRV' | 'A' | 'AAAA' | 'TXT';

/** What is told of a peer. */
export type Advertised = Pick<Peer, 'publicKey' | 'allowedIps'> & { readonly endpoint: Endpoint };

/** A peer that has an endpoint, and the replies about it, each made when it is first asked for. */
export class Instance {
  readonly publicKey: PublicKey;
  /** The key as a label. */
  readonly label: string;
  /** For each zone and type; the same reply each time, so that what is made of it can be kept. */
  private readonly replies = new Map<string, Reply>();

  constructor(
    private readonly peer: Advertised,
    label = instanceLabel(peer.publicKey),
  ) {
    this.publicKey = peer.publicKey;
    this.label = label;
  }

  /** Whether all that is told of the peer is as before. */
  tellsOf({ endpoint, allowedIps }: Advertised): boolean {
    return (
      sameEndpoint(endpoint, this.peer.endpoint) && sameTexts(allowedIps, this.peer.allowedIps)
    );
  }

  /** The types there are answers for. */
  get types(): readonly InstanceType[] {
    return ['SRV', this.addressType, 'TXT'];
  }

  /** The reply for a type in a zone; undefined where there is none of that type. */
  reply(type: string, zone: string): Reply | undefined {
    const id = `${type} ${zone}`;
    const known = this.replies.get(id);
    if (known !== undefined || !this.types.includes(type as InstanceType)) {
      return known;
    }
    const reply = this.makeReply(type as InstanceType, instanceName(this.label, zone));
    this.replies.set(id, reply);
    return reply;
  }

  private get addressType(): 'A' | 'AAAA' {
    return this.peer.endpoint.family === 4 ? 'A' : 'AAAA';
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
