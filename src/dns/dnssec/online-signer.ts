import type { Answer, NsecAnswer } from 'dns-packet';
import type { Question } from '../../wire/dns-message.js';
import type { Reply, Signer, ZoneView } from '../signer.js';
import { type ResourceRecord, rrsetsOf } from './canonical-rrset.js';
import { type Nsec, noData, noName } from './denial.js';
import { DenialBudget } from './denial-budget.js';
import { RrsetSigner } from './rrset-signer.js';
import type { ZoneKey } from './zone-key.js';

/** How long a signed reply is reused; its signatures are valid for far longer. */
const SIGNED_REPLY_KEPT_MS = 60_000;

/** Signatures of existing records that are kept: three sets of 10 000 peers and some more; about 15 MB. */
const CACHE_CAPACITY = 32_768;
/** Signatures of denials are kept apart, as a flood of them would displace the others; about 1 MB. */
const DENIAL_CACHE_CAPACITY = 2048;

/** Signs the answers of a registry online (RFC 4035 section 3.1), with one key. */
export class OnlineSigner implements Signer {
  private readonly rrsets: RrsetSigner;
  private readonly absent: RrsetSigner;
  private readonly budget = new DenialBudget();
  /** By the unsigned reply, and dropped with it. */
  private readonly signed = new WeakMap<
    Reply,
    { readonly reply: Reply; readonly signedAtMs: number }
  >();

  /** `now` is the time in milliseconds since 1970. */
  constructor(
    private readonly key: ZoneKey,
    private readonly now: () => number,
  ) {
    this.rrsets = new RrsetSigner(key, now, CACHE_CAPACITY);
    this.absent = new RrsetSigner(key, now, DENIAL_CACHE_CAPACITY, () => this.budget.spend());
  }

  reply({ name, type }: Question, zone: ZoneView): Reply | undefined {
    const types = signedTypes(zone, name);
    if ((type === 'DNSKEY' || type === 'DS') && types?.includes(type)) {
      return positive(type === 'DS' ? this.key.ds(name) : this.key.dnskey(name));
    }
    if (types === undefined || (type !== 'NSEC' && type !== 'RRSIG')) {
      return undefined;
    }
    const nsec = nsecRecord(noData(name, types), zone);
    // One of a name's signatures is enough, as for ANY (RFC 8482 section 4.1).
    return positive(type === 'NSEC' ? nsec : this.rrsets.sign([nsec], zone.name));
  }

  sign(reply: Reply, { name }: Question, zone: ZoneView): Reply {
    if (reply.answers.length > 0) {
      return this.signPositive(reply, zone);
    }
    const types = signedTypes(zone, name);
    if (types === undefined) {
      return this.signNoName(reply, name, zone);
    }
    const nsec = nsecRecord(noData(name, types), zone);
    return this.withSignatures({ ...reply, authorities: [...reply.authorities, nsec] }, zone);
  }

  hasTooManyDenials(): boolean {
    return !this.budget.hasRoom(this.now());
  }

  /** The signatures of a reply with answers do not depend on the question. */
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

  private signNoName(reply: Reply, name: string, zone: ZoneView): Reply {
    const typesAt = (other: string) => signedTypes(zone, other);
    const denial = noName(name, zone.name, typesAt).flatMap((nsec): Answer[] => {
      const record = nsecRecord(nsec, zone);
      return [record, this.absent.sign([record], zone.name)];
    });
    const signed = this.withSignatures(reply, zone);
    return { ...signed, authorities: [...signed.authorities, ...denial] };
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

/**
 * The types at a name with what signing adds to the apex and to delegations, which are to zones of the same
 * key; NSEC and RRSIG are everywhere.
 */
function signedTypes(zone: ZoneView, name: string): readonly string[] | undefined {
  const types = zone.typesAt(name);
  if (types?.includes('NS') !== true) {
    return types;
  }
  return [...types, name === zone.name ? 'DNSKEY' : 'DS'];
}

/** The TTL of a denial is that of a negative answer (RFC 9077 section 3). */
function nsecRecord({ owner, next, types }: Nsec, { soa }: ZoneView): NsecAnswer {
  const ttl = Math.min(soa.ttl ?? 0, soa.data.minimum ?? 0);
  const data = { nextDomain: next, rrtypes: [...types] };
  return { name: owner, type: 'NSEC', class: 'IN', ttl, data };
}
