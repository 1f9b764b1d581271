import type { Family } from './endpoint.js';
import { UDP_HEADER_LENGTH } from './udp.js';

/** One instruction of classic BPF: struct sock_filter of linux/filter.h. */
export interface Instruction {
  readonly code: number;
  /** Instructions to skip when a jump's condition holds, and when it does not. */
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}

/** The datagrams that a raw socket accepts. */
export interface PacketRule {
  readonly family: Family;
  /** The only source; undefined = any. */
  readonly source: PacketSource | undefined;
  /** WireGuard's port on this host. */
  readonly listenPort: number;
  /** Payload lengths in bytes. */
  readonly payloadLengths: readonly number[];
  /** The payload's first four bytes, in network order. @default any */
  readonly firstWord?: number;
}

export interface PacketSource {
  /** 4 or 16 bytes. */
  readonly address: Uint8Array;
  readonly port: number;
}

const SIZE_WORD = 0x00;
const SIZE_HALF = 0x08;
const LD_ABS = 0x20;
const LD_IND = 0x40;
const LDX_MSH = 0xb1;
const JEQ = 0x15;
const JSET = 0x45;
const RET = 0x06;

const ACCEPT_ALL_BYTES = 0xffffffff;
const INSTRUCTION_LENGTH = 8;

/** Offsets from here are taken from the network header, wherever the packet starts (SKF_NET_OFF). */
const NETWORK_HEADER = 0xfff00000;
const IPV4_FLAGS = 6;
const IPV4_SOURCE = 12;
const IPV6_SOURCE = 8;
const FRAGMENT_BITS = 0x3fff;
const UDP_DESTINATION = 2;
const UDP_LENGTH = 4;

/** A program that accepts nothing: attached before anything else, so that no packet slips in. */
export const REJECT_ALL: Uint8Array = assemble([ret(0)]);

/**
 * The program that accepts only datagrams that fit the rule and are no fragment. IPv4 packets reach a raw
 * socket with their header, whose length (options!) is taken from IHL; IPv6 packets start at the UDP header.
 */
export function packetFilter(rule: PacketRule): Uint8Array {
  return assemble(allOf(rule.family === 4 ? ipv4Tests(rule) : ipv6Tests(rule)));
}

/** The bytes of a program in the machine's own byte order, as SO_ATTACH_FILTER takes them. */
export function assemble(program: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(program.length * INSTRUCTION_LENGTH);
  const halves = new Uint16Array(bytes.buffer);
  const words = new Uint32Array(bytes.buffer);
  program.forEach(({ code, jt, jf, k }, i) => {
    halves[i * 4] = code;
    bytes[i * INSTRUCTION_LENGTH + 2] = jt;
    bytes[i * INSTRUCTION_LENGTH + 3] = jf;
    words[i * 2 + 1] = k;
  });
  return bytes;
}

/** A load and the values of which the loaded one has to be any (or, negated, have no bit of). */
interface Test {
  readonly loads: readonly Instruction[];
  readonly anyOf?: readonly number[];
  readonly noBitsOf?: number;
}

function ipv4Tests(rule: PacketRule): Test[] {
  const headerLength: Instruction = statement(LDX_MSH, 0);
  const address = rule.source && new DataView(rule.source.address.slice().buffer);
  return [
    { loads: [statement(LD_ABS | SIZE_HALF, IPV4_FLAGS)], noBitsOf: FRAGMENT_BITS },
    ...(address === undefined
      ? []
      : [{ loads: [statement(LD_ABS | SIZE_WORD, IPV4_SOURCE)], anyOf: [address.getUint32(0)] }]),
    ...udpTests(rule, (size, offset) => [headerLength, statement(LD_IND | size, offset)]),
  ];
}

function ipv6Tests(rule: PacketRule): Test[] {
  const address = rule.source && new DataView(rule.source.address.slice().buffer);
  const words = address === undefined ? [] : [0, 4, 8, 12];
  return [
    ...words.map((offset) => ({
      loads: [statement(LD_ABS | SIZE_WORD, NETWORK_HEADER + IPV6_SOURCE + offset)],
      anyOf: [address?.getUint32(offset) ?? 0],
    })),
    ...udpTests(rule, (size, offset) => [statement(LD_ABS | size, offset)]),
  ];
}

/** @param load loads a word or half of the UDP datagram at an offset */
function udpTests(
  { source, listenPort, payloadLengths, firstWord }: PacketRule,
  load: (size: number, offset: number) => Instruction[],
): Test[] {
  return [
    ...(source === undefined ? [] : [{ loads: load(SIZE_HALF, 0), anyOf: [source.port] }]),
    { loads: load(SIZE_HALF, UDP_DESTINATION), anyOf: [listenPort] },
    {
      loads: load(SIZE_HALF, UDP_LENGTH),
      anyOf: payloadLengths.map((length) => UDP_HEADER_LENGTH + length),
    },
    ...(firstWord === undefined
      ? []
      : [{ loads: load(SIZE_WORD, UDP_HEADER_LENGTH), anyOf: [firstWord] }]),
  ];
}

/** Chains tests: the first that fails rejects, after the last the packet is accepted. */
function allOf(tests: readonly Test[]): Instruction[] {
  let program = [ret(ACCEPT_ALL_BYTES), ret(0)];
  for (const test of [...tests].reverse()) {
    program = [...test.loads, ...decide(test, program.length - 1), ...program];
  }
  return program;
}

/** @param reject how many instructions after the test the rejecting one stands */
function decide({ anyOf, noBitsOf }: Test, reject: number): Instruction[] {
  if (noBitsOf !== undefined) {
    return [jump(JSET, noBitsOf, reject, 0)];
  }
  const values = anyOf ?? [];
  return values.map((value, i) => {
    const left = values.length - 1 - i;
    return jump(JEQ, value, left, left === 0 ? reject : 0);
  });
}

function statement(code: number, k: number): Instruction {
  return { code, jt: 0, jf: 0, k };
}

function jump(code: number, k: number, jt: number, jf: number): Instruction {
  return { code, jt, jf, k };
}

function ret(k: number): Instruction {
  return statement(RET, k);
}
