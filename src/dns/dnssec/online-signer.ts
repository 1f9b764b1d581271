import type { Answer, NsecAnswer } from 'dns-packet';
import type { Question, Reply, Signer, ZoneView } from '../signer.js';
import { type ResourceRecord, rrsetsOf } from './canonical-rrset.js';
import { type Nsec, noData, noName } from './denial.js';
import { RrsetSigner } from './rrset-signer.js';
import type { ZoneKey } from './zone-key.js';

/** Signs the answers of a registry as they are given (RFC 4035 section 3.1), with one key. */
export class OnlineSigner implements Signer {
  private readonly rrsets: RrsetSigner;

  /** `now` is the time in milliseconds since 1970. */
  constructor(
    private readonly key: ZoneKey,
    now: () => number,
  ) {
    this.rrsets = new RrsetSigner(key, now);
  }

  sign(reply: Reply, question: Question, zone: ZoneView): Reply {
    const own = this.ownRecords(question, zone);
    if (own.length > 0) {
      return this.withSignatures(
        { rcode: 'NOERROR', answers: own, authorities: [], additionals: [] },
        zone,
      );
    }
    const denial = this.denial(reply, question, zone);
    return this.withSignatures({ ...reply, authorities: [...reply.authorities, ...denial] }, zone);
  }

  /** The answer to a question for records that only signing brings. */
  private ownRecords({ name, type }: Question, zone: ZoneView): Answer[] {
    const types = signedTypes(zone, name);
    if (type === 'DNSKEY' && name === zone.name) {
      return [this.key.dnskey(zone.name)];
    }
    if (types === undefined || (type !== 'NSEC' && type !== 'RRSIG')) {
      return [];
    }
    const nsec = nsecRecord(noData(name, types), zone);
    // Of the signatures of a name one is enough, as of all records (RFC 8482 section 4.1).
    return type === 'NSEC' ? [nsec] : [this.rrsets.sign([nsec], zone.name)];
  }

  private denial(reply: Reply, { name }: Question, zone: ZoneView): NsecAnswer[] {
    if (reply.answers.length > 0) {
      return [];
    }
    const types = signedTypes(zone, name);
    const typesAt = (other: string) => signedTypes(zone, other);
    const found = types === undefined ? noName(name, zone.name, typesAt) : [noData(name, types)];
    return found.map((nsec) => nsecRecord(nsec, zone));
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
