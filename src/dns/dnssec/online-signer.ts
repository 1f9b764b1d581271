import type { Answer, NsecAnswer } from 'dns-packet';
import type { Question, Reply, Signer, ZoneView } from '../signer.js';
import { type ResourceRecord, rrsetsOf } from './canonical-rrset.js';
import { type Nsec, noData, noName } from './denial.js';
import { RrsetSigner } from './rrset-signer.js';
import type { ZoneKey } from './zone-key.js';

/** How long a reply that was signed is given again as it is; its signatures are good for far longer. */
const SIGNED_REPLY_KEPT_MS = 60_000;

/** Signs the answers of a registry as they are given (RFC 4035 section 3.1), with one key. */
export class OnlineSigner implements Signer {
  private readonly rrsets: RrsetSigner;
  /** By the reply without signatures: goes with it. */
  private readonly signed = new WeakMap<
    Reply,
    { readonly reply: Reply; readonly signedAtMs: number }
  >();

  /** `now` is the time in milliseconds since 1970. */
  constructor(
    private readonly key: ZoneKey,
    private readonly now: () => number,
  ) {
    this.rrsets = new RrsetSigner(key, now);
  }

  reply({ name, type }: Question, zone: ZoneView): Reply | undefined {
    if (type === 'DNSKEY' && name === zone.name) {
      return positive(this.key.dnskey(zone.name));
    }
    const types = signedTypes(zone, name);
    if (types === undefined || (type !== 'NSEC' && type !== 'RRSIG')) {
      return undefined;
    }
    const nsec = nsecRecord(noData(name, types), zone);
    // Of the signatures of a name one is enough, as of all its records (RFC 8482 section 4.1).
    return positive(type === 'NSEC' ? nsec : this.rrsets.sign([nsec], zone.name));
  }

  sign(reply: Reply, question: Question, zone: ZoneView): Reply {
    return reply.answers.length > 0
      ? this.signPositive(reply, zone)
      : this.signDenial(reply, question, zone);
  }

  /** A reply with answers is signed alike whatever was asked for. */
  private signPositive(reply: Reply, zone: ZoneView): Reply {
    const nowMs = this.now();
    const known = this.signed.get(reply);
    const age = nowMs - (known?.signedAtMs ?? 0);
    if (known !== undefined && age >= 0 && age < SIGNED_REPLY_KEPT_MS) {
      return known.reply;
    }
    const signed = this.withSignatures(reply, zone);
    this.signed.set(reply, { reply: signed, signedAtMs: nowMs });
    return signed;
  }

  private signDenial(reply: Reply, { name }: Question, zone: ZoneView): Reply {
    const types = signedTypes(zone, name);
    const typesAt = (other: string) => signedTypes(zone, other);
    const found = types === undefined ? noName(name, zone.name, typesAt) : [noData(name, types)];
    const denial = found.map((nsec) => nsecRecord(nsec, zone));
    return this.withSignatures({ ...reply, authorities: [...reply.authorities, ...denial] }, zone);
  }

  private withSignatures(reply: Reply, { name }: ZoneView): Reply {
    const signed = (section: readonly Answer[]) => [...section, ...this.signatures(section, name)];
    return {
      rcode: reply.rcode,
      answers: signed(reply.answers),
      authorities: signed(reply.authorities),
      additionals: signed(reply.additionals),
    };
  }

  private signatures(section: readonly Answer[], zone: string): Answer[] {
    return rrsetsOf(section.filter(isSigned)).map((set) => this.rrsets.sign(set, zone));
  }
}

function positive(answer: Answer): Reply {
  return { rcode: 'NOERROR', answers: [answer], authorities: [], additionals: [] };
}

function isSigned(answer: Answer): answer is ResourceRecord {
  return answer.type !== 'OPT' && answer.type !== 'RRSIG';
}

/** The types at a name with what signing adds to the apex; NSEC and RRSIG are everywhere. */
function signedTypes(zone: ZoneView, name: string): readonly string[] | undefined {
  const types = zone.typesAt(name);
  return types !== undefined && name === zone.name ? [...types, 'DNSKEY'] : types;
}

/** The TTL of a denial is that of a negative answer (RFC 9077 section 3). */
function nsecRecord({ owner, next, types }: Nsec, { soa }: ZoneView): NsecAnswer {
  const ttl = Math.min(soa.ttl ?? 0, soa.data.minimum ?? 0);
  const data = { nextDomain: next, rrtypes: [...types] };
  return { name: owner, type: 'NSEC', class: 'IN', ttl, data };
}
