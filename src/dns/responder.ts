import { CLASS_IN, MAX_UDP_REPLY } from '../wire/dns-message.js';
import { decodeQuery, type Query } from '../wire/dns-query.js';
import {
  type Asked,
  type EncodedSections,
  encodeSections,
  MAX_DNS_MESSAGE,
  MIN_UDP_REPLY,
  RCODE,
  writeFault,
  writeReply,
} from '../wire/dns-reply.js';
import { isWithin } from '../wire/dns-sd.js';
import { type CountsByTransport, emptyCounts } from './counts.js';
import { PreparedReply } from './instance.js';
import type { Roster } from './roster.js';
import type { Reply, Signer } from './signer.js';
import type { LocalAddress, Zone } from './zone.js';

/** The length of a reply that is not sent. */
export const SILENCE = -1;

export type DnsTransport = 'udp' | 'tcp';

/** Zone transfers (RFC 5936), which are refused. */
const TRANSFERS: readonly string[] = ['AXFR', 'IXFR'];
/** Types whose records only a signer has. */
const SIGNER_TYPES: readonly string[] = ['DNSKEY', 'DS', 'RRSIG', 'NSEC'];

/** A truncated reply without records: sends the client to TCP, where addresses cannot be forged. */
const ALL_LEFT_OUT: EncodedSections = { bytes: new Uint8Array(), ends: [], counts: [0, 1, 0] };

/** Answers queries for zones from the last reading of the device. */
export class Responder {
  readonly counts: CountsByTransport = { udp: emptyCounts(), tcp: emptyCounts() };
  private readonly zones: readonly Zone[];

  constructor(
    zones: readonly Zone[],
    private readonly roster: Roster,
    private readonly signer?: Signer,
  ) {
    // Of nested zones the innermost answers.
    this.zones = [...zones].sort((a, b) => b.name.length - a.name.length);
  }

  /**
   * Answers a query in place; never throws on its bytes.
   * @param message the query's bytes; the buffer behind has room for a reply: over UDP MAX_UDP_REPLY, over
   *   TCP MAX_DNS_MESSAGE
   * @param mayGrow called before a reply that is larger than its query; false: it is truncated instead
   * @returns bytes of the reply, or SILENCE
   */
  respond(
    buffer: Uint8Array,
    length: number,
    transport: DnsTransport,
    local: LocalAddress,
    mayGrow: () => boolean = () => true,
  ): number {
    const counts = this.counts[transport];
    const query = decodeQuery(buffer.subarray(0, length));
    if (query === 'silent') {
      counts.ignored++;
      return SILENCE;
    }
    if (query === 'formerr' || query === 'notimp') {
      counts[query]++;
      return writeFault(buffer, query === 'formerr' ? RCODE.FORMERR : RCODE.NOTIMP);
    }
    const reply = this.answer(buffer, query, transport, local);
    if (reply <= length || mayGrow()) {
      return reply;
    }
    counts.limitedReplies++;
    return this.send(buffer, query, RCODE.NOERROR, ALL_LEFT_OUT, transport).length;
  }

  private answer(
    buffer: Uint8Array,
    query: Query,
    transport: DnsTransport,
    local: LocalAddress,
  ): number {
    const counts = this.counts[transport];
    const limit = limitOf(query, transport);
    const refuse = (rcode: number, authoritative = false): number =>
      writeReply(buffer, query, { rcode, authoritative }, undefined, limit).length;
    if (query.edns !== undefined && query.edns.version !== 0) {
      counts.badvers++;
      return refuse(RCODE.BADVERS);
    }
    const zone = this.zoneOf(query);
    if (zone === undefined) {
      counts.refused++;
      return refuse(RCODE.REFUSED);
    }
    if (this.roster.device === undefined) {
      counts.servfail++;
      return refuse(RCODE.SERVFAIL);
    }
    const reply = this.reply(query, zone, local);
    counts[reply.outcome]++;
    if (this.roster.isStale) {
      counts.stale++;
    }
    return this.write(buffer, query, reply, zone, transport, local);
  }

  private reply({ question }: Query, zone: Zone, local: LocalAddress): PreparedReply {
    const own = SIGNER_TYPES.includes(question.type)
      ? this.signer?.reply(question, zone.view(local))
      : undefined;
    return own === undefined ? zone.reply(question, local) : new PreparedReply(own);
  }

  private zoneOf({ question, class: asked }: Query): Zone | undefined {
    if (asked !== CLASS_IN || TRANSFERS.includes(question.type)) {
      return undefined;
    }
    const at = this.zones.findIndex(({ name }) => isWithin(question.name, name));
    if (at < 0) {
      return undefined;
    }
    const innermost = this.zones[at];
    // A DS record belongs to the zone above (RFC 4035 section 3.1.4.1).
    if (question.type !== 'DS' || question.name !== innermost?.name) {
      return innermost;
    }
    const outer = this.zones.slice(at + 1).find(({ name }) => isWithin(question.name, name));
    return outer ?? innermost;
  }

  private write(
    buffer: Uint8Array,
    query: Query,
    prepared: PreparedReply,
    zone: Zone,
    transport: DnsTransport,
    local: LocalAddress,
  ): number {
    prepared.encoded ??= encodePrepared(prepared.reply, query, zone);
    const written = this.send(buffer, query, prepared.rcode, prepared.encoded, transport);
    // After a truncated reply the client asks again over TCP: signing it would be wasted.
    if (this.signer === undefined || written.truncated || query.edns?.dnssecOk !== true) {
      return written.length;
    }
    const isNoName = prepared.rcode === RCODE.NXDOMAIN;
    if (isNoName && transport === 'udp' && this.signer.hasTooManyDenials()) {
      return this.send(buffer, query, RCODE.NOERROR, ALL_LEFT_OUT, transport).length;
    }
    const signed = this.signer.sign(prepared.reply, query.question, zone.view(local));
    const encoded = encodeSections(signed, askedOf(query, zone));
    return this.send(buffer, query, RCODE[signed.rcode], encoded, transport).length;
  }

  private send(
    buffer: Uint8Array,
    query: Query,
    rcode: number,
    encoded: EncodedSections,
    transport: DnsTransport,
  ) {
    const header = { rcode, authoritative: true };
    const written = writeReply(buffer, query, header, encoded, limitOf(query, transport));
    if (written.truncated) {
      this.counts[transport].truncated++;
    }
    return written;
  }
}

/** Answers belong to one name. A denial serves many names, so none of them can be a compression target. */
function encodePrepared(reply: Reply, query: Query, zone: Zone): EncodedSections {
  return encodeSections(reply, reply.answers.length > 0 ? askedOf(query, zone) : undefined);
}

function askedOf({ question, nameLength }: Query, zone: Zone): Asked {
  return { name: question.name, nameLength, zone: zone.name };
}

function limitOf({ edns }: Query, transport: DnsTransport): number {
  if (transport === 'tcp') {
    return MAX_DNS_MESSAGE;
  }
  return Math.min(Math.max(edns?.udpSize ?? 0, MIN_UDP_REPLY), MAX_UDP_REPLY);
}
