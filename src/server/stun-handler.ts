import {
  ADDRESS_BYTES,
  ADDRESS_WORDS,
  type DatagramBatch,
  LOCAL_WORD,
  NO_REPLY,
  PORT_WORD,
} from '../socket/datagram-batch.js';
import { copyBytes } from '../wire/byte-order.js';
import { CLASSIC_REQUEST_LENGTH } from '../wire/classic.js';
import { addressBytes, type Endpoint, type Family, isWildcard } from '../wire/endpoint.js';
import {
  hasCookie,
  isStunRequest,
  readStunRequest,
  STUN_ATTRIBUTE,
  STUN_HEADER_LENGTH,
  STUN_TYPE,
  type StunAddress,
  type StunRequest,
  StunResponseWriter,
} from '../wire/stun.js';
import { NONE, type Ports } from './ports.js';
import type { Outbox } from './sealed/outbox.js';

/** STUN Binding requests since the start. */
export interface StunCounts {
  /** Requests that were answered with an address; of them, from elsewhere than they were sent to. */
  answered: number;
  changed: number;
  /** Answered with 420. */
  unknownAttributes: number;
  /** Not answered. */
  malformed: number;
}

/**
 * Answers STUN Binding requests (RFC 8489) as a server without passwords, those of RFC 3489 too.
 *
 * With two addresses of a family it is a server of RFC 5780, and shows that by OTHER-ADDRESS. With one it must
 * not mention its second port (section 6): a client would take the same address for another one, and an
 * endpoint-dependent mapping for an endpoint-independent one. CHANGE-REQUEST between the ports works.
 */
export class StunHandler {
  readonly counts: StunCounts = { answered: 0, changed: 0, unknownAttributes: 0, malformed: 0 };
  private readonly writer = new StunResponseWriter();

  constructor(
    private readonly ports: Ports,
    private readonly outbox: Outbox,
  ) {}

  /** Whether the datagram in a slot is a request. 64 bytes without magic cookie are a classic request. */
  isRequest({ payload, stride, lengths }: DatagramBatch, slot: number): boolean {
    const at = slot * stride;
    // Two bytes rule out nearly all others.
    if (payload[at] !== 0 || payload[at + 1] !== STUN_TYPE.request) {
      return false;
    }
    const length = lengths[slot]!;
    return length > stride
      ? hasCookie(payload, at)
      : isStunRequest(payload, at, length, length !== CLASSIC_REQUEST_LENGTH);
  }

  /** Answers the request in a slot: in place, or from another socket. Returns the length in place. */
  answer(batch: DatagramBatch, slot: number, family: Family, socket: number): number {
    const { payload, stride, lengths, addresses } = batch;
    const at = slot * stride;
    const request =
      lengths[slot]! > stride ? TOO_LONG : readStunRequest(payload, at, lengths[slot]!);
    if (request === undefined) {
      this.counts.malformed++;
      return NO_REPLY;
    }
    const from = this.origin(request, socket);
    const refused = this.unknownTo(request, from, socket);
    if (refused.length > 0) {
      this.counts.unknownAttributes++;
      // RFC 3489 has no padding: there a list of odd length repeats one of its attributes.
      const odd = request.isClassic && refused.length % 2 === 1 ? refused.slice(-1) : [];
      this.writer.begin(payload, at, STUN_TYPE.error).unknownAttributes([...refused, ...odd]);
      return this.writer.finish(request.hasFingerprint);
    }
    const mapped = remoteOf(batch, slot, family);
    addresses[slot * ADDRESS_WORDS + PORT_WORD] = request.responsePort ?? mapped.port;
    this.counts.answered++;
    const origin = originOf(batch, slot, this.ports.address(from));
    if (from === socket) {
      return this.write(payload, at, request, mapped, origin, socket);
    }
    this.counts.changed++;
    const out = this.outbox.payload(from);
    const outAt = this.outbox.at(from);
    copyBytes(payload, at, out, outAt, STUN_HEADER_LENGTH);
    const length = this.write(out, outAt, request, mapped, origin, socket);
    this.outbox.send(from, length, addresses, slot * ADDRESS_WORDS);
    return NO_REPLY;
  }

  /** The socket to answer from; NONE if the server has no such socket. */
  private origin({ change }: StunRequest, socket: number): number {
    const { ports } = this;
    if (change?.address) {
      return change.port ? ports.otherAddressAndPort(socket) : ports.otherAddress(socket);
    }
    return change?.port ? ports.otherPort(socket) : socket;
  }

  /** The attributes to refuse: the unknown ones, and what takes two addresses (RFC 5780 section 6). */
  private unknownTo({ unknown, responsePort }: StunRequest, from: number, socket: number) {
    if (unknown.length > 0) {
      return unknown;
    }
    const isFull = this.ports.otherAddressAndPort(socket) !== NONE;
    return [
      ...(from === NONE ? [STUN_ATTRIBUTE.changeRequest] : []),
      ...(responsePort !== undefined && !isFull ? [STUN_ATTRIBUTE.responsePort] : []),
    ];
  }

  /**
   * Writes a success response over its request's header; returns its length.
   * @param asked the socket that was asked
   */
  private write(
    bytes: Uint8Array,
    at: number,
    { isClassic, change, hasFingerprint }: StunRequest,
    mapped: StunAddress,
    origin: StunAddress,
    asked: number,
  ): number {
    const writer = this.writer.begin(bytes, at, STUN_TYPE.success);
    const other = this.ports.otherAddressAndPort(asked);
    if (isClassic) {
      writer.address(STUN_ATTRIBUTE.mappedAddress, mapped);
      writer.address(STUN_ATTRIBUTE.sourceAddress, origin);
    } else {
      writer.xorMappedAddress(mapped);
      if (other !== NONE || change !== undefined) {
        writer.address(STUN_ATTRIBUTE.responseOrigin, origin);
      }
    }
    if (other !== NONE) {
      const type = isClassic ? STUN_ATTRIBUTE.changedAddress : STUN_ATTRIBUTE.otherAddress;
      writer.address(type, addressOf(this.ports.address(other)));
    }
    return writer.finish(hasFingerprint);
  }
}

/** A request that does not fit a slot, and so has PADDING, for the path's MTU is less. */
const TOO_LONG: StunRequest = {
  isClassic: false,
  change: undefined,
  responsePort: undefined,
  hasFingerprint: false,
  unknown: [STUN_ATTRIBUTE.padding],
};

/** The source of the datagram in a slot. */
function remoteOf(
  { addressBytes, addresses }: DatagramBatch,
  slot: number,
  family: Family,
): StunAddress {
  const port = addresses[slot * ADDRESS_WORDS + PORT_WORD]!;
  return { bytes: addressBytes, at: slot * ADDRESS_BYTES, family, port };
}

/** Where a response to the datagram in a slot leaves from, over the socket with that address. */
function originOf(batch: DatagramBatch, slot: number, bound: Endpoint): StunAddress {
  if (!isWildcard(bound.address)) {
    return addressOf(bound);
  }
  const at = slot * ADDRESS_BYTES + 4 * LOCAL_WORD;
  return { bytes: batch.addressBytes, at, family: bound.family, port: bound.port };
}

function addressOf({ address, family, port }: Endpoint): StunAddress {
  return { bytes: addressBytes(address), at: 0, family, port };
}
