import type { Answer, RecordType, SoaAnswer } from 'dns-packet';
import type { Question } from '../wire/dns-message.js';
import {
  addressRecord,
  isWithin,
  nameserverName,
  nsRecord,
  placeOf,
  ptrRecord,
  serviceName,
  soaRecord,
} from '../wire/dns-sd.js';
import { addressFamily, type Endpoint, endpoint } from '../wire/endpoint.js';
import { Instance, PreparedReply } from './instance.js';
import type { ZoneOptions } from './options.js';
import type { Roster } from './roster.js';
import type { ZoneView } from './signer.js';

/** More than fit in the largest message, so that a longer list is truncated. */
const MAX_LISTED = 1000;

/** The local address that a query was sent to; called only if the answer depends on it. */
export type LocalAddress = () => string | undefined;

/** The types at the apex, first the one that answers ANY (RFC 8482). */
const APEX_TYPES = ['SOA', 'NS'] as const;

/** The types at the apex of a nested zone, in the outer one (RFC 4035 section 2.3). */
const DELEGATION_TYPES = ['NS'] as const;

/** A zone, and the replies about its names. */
export class Zone {
  readonly name: string;
  readonly soa: SoaAnswer;
  private readonly service: string;
  private readonly nxdomain: PreparedReply;
  private readonly nodata: PreparedReply;
  private readonly apex: Readonly<Record<(typeof APEX_TYPES)[number], PreparedReply>>;
  private list: { readonly version: string; readonly reply: PreparedReply } | undefined;

  constructor(
    private readonly options: ZoneOptions,
    private readonly roster: Roster,
    /** Of the zones of a registry, from 0. */
    readonly index: number,
    /** The names of all zones of the registry. */
    private readonly zones: readonly string[] = [],
  ) {
    this.name = options.name;
    this.service = serviceName(this.name);
    this.soa = soaRecord(this.name);
    const denial = { answers: [], authorities: [this.soa], additionals: [] };
    this.nxdomain = new PreparedReply({ ...denial, rcode: 'NXDOMAIN' });
    this.nodata = new PreparedReply({ ...denial, rcode: 'NOERROR' });
    this.apex = { SOA: positive([this.soa]), NS: positive([nsRecord(this.name)]) };
  }

  /** The reply to a question about a name within the zone, as of the roster's last reading. */
  reply(question: Question, local: LocalAddress): PreparedReply {
    const { name, type } = question;
    const place = placeOf(name, this.name, this.service);
    switch (place.kind) {
      case 'apex':
        return this.apex[type === 'ANY' ? 'SOA' : (type as 'SOA' | 'NS')] ?? this.nodata;
      case 'nameserver':
        return this.nameserverReply(type, local);
      case 'protocol':
        return this.nodata;
      case 'service':
        return type === 'PTR' || type === 'ANY' ? this.listReply(local) : this.nodata;
      case 'instance':
        return this.instanceReply(question, place.label, local);
      case 'nowhere':
        return this.absentReply(name);
    }
  }

  /** The signer's view of the zone. */
  view(local: LocalAddress): ZoneView {
    return { name: this.name, soa: this.soa, typesAt: (name) => this.typesAt(name, local) };
  }

  private typesAt(name: string, local: LocalAddress): readonly RecordType[] | undefined {
    if (name !== this.name && this.zones.includes(name)) {
      return DELEGATION_TYPES;
    }
    const place = placeOf(name, this.name, this.service);
    switch (place.kind) {
      case 'apex':
        return APEX_TYPES;
      case 'nameserver':
        return this.serverAddress(local).map(({ type }) => type as RecordType);
      case 'protocol':
        return [];
      case 'service':
        return this.listReply(local) === this.nodata ? [] : ['PTR'];
      case 'instance':
        return this.find(place.label, local)?.types ?? this.absentTypes(name);
      case 'nowhere':
        return this.absentTypes(name);
    }
  }

  private absentReply(name: string): PreparedReply {
    return this.leadsToZone(name) ? this.nodata : this.nxdomain;
  }

  private absentTypes(name: string): readonly RecordType[] | undefined {
    return this.leadsToZone(name) ? [] : undefined;
  }

  /** Whether another zone is at or below a name: then it exists, without records (RFC 8020 section 2). */
  private leadsToZone(name: string): boolean {
    return this.zones.some((zone) => isWithin(zone, name));
  }

  private nameserverReply(type: string, local: LocalAddress): PreparedReply {
    const found = this.serverAddress(local).filter((it) => type === it.type || type === 'ANY');
    return found.length === 0 ? this.nodata : positive(found);
  }

  private serverAddress(local: LocalAddress): Answer[] {
    const address = local();
    return address === undefined
      ? []
      : [addressRecord(nameserverName(this.name), endpoint(address, 0))];
  }

  private instanceReply(
    { name, type }: Question,
    label: string,
    local: LocalAddress,
  ): PreparedReply {
    const instance = this.find(label, local);
    if (instance === undefined) {
      return this.absentReply(name);
    }
    return instance.reply(type === 'ANY' ? 'SRV' : type, this) ?? this.nodata;
  }

  private find(label: string, local: LocalAddress): Instance | undefined {
    const peer = this.roster.find(label);
    if (peer !== undefined || this.options.self === undefined) {
      return peer;
    }
    const self = this.self(local);
    return self?.label === label ? self : undefined;
  }

  /** Kept until the peers change. Only the own device depends on the address that the query was sent to. */
  private listReply(local: LocalAddress): PreparedReply {
    const self = this.options.self === undefined ? undefined : this.self(local);
    const version = `${this.roster.version} ${self?.label}`;
    if (this.list?.version !== version) {
      const labels = this.roster.labels(MAX_LISTED);
      if (self !== undefined) {
        labels.push(self.label);
      }
      const answers = labels.map((label) => ptrRecord(label, this.name));
      this.list = { version, reply: answers.length === 0 ? this.nodata : positive(answers) };
    }
    return this.list.reply;
  }

  /** The own device, as wgsd's `self` has it; undefined while it has no key or no endpoint. */
  private self(local: LocalAddress): Instance | undefined {
    const device = this.roster.device;
    const own = this.options.self;
    if (device?.publicKey === undefined || own === undefined) {
      return undefined;
    }
    const where = own.endpoint ?? localEndpoint(local(), device.listenPort);
    return where === undefined
      ? undefined
      : new Instance({ publicKey: device.publicKey, allowedIps: own.allowedIps, endpoint: where });
  }
}

function localEndpoint(address: string | undefined, port: number): Endpoint | undefined {
  return address === undefined || addressFamily(address) === undefined || port === 0
    ? undefined
    : endpoint(address, port);
}

function positive(answers: readonly Answer[]): PreparedReply {
  return new PreparedReply({ rcode: 'NOERROR', answers, authorities: [], additionals: [] });
}
