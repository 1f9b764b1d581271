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
  /** The only source, or the only ones, at most MAX_SOURCES; undefined = any. */
  readonly source: PacketSource | readonly PacketSource[] | undefined;
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

/** Sources of a rule: jumps of classic BPF reach 255 instructions, and the lengths of replies take most of it. */
export const MAX_SOURCES = 8;

/** The only sources of a rule; undefined = any. */
export function sourcesOf({ source }: PacketRule): readonly PacketSource[] | undefined {
  return source === undefined || 'length' in source ? source : [source];
}

const SIZE_WORD = 0x00;
const SIZE_HALF = 0x08;
const LD_ABS = 0x20;
const LD_IND = 0x40;
const LDX_MSH = 0xb1;
const JEQ = 0x15;
const JSET = 0x45;
const JA = 0x05;
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
 * Throws a RangeError with more than MAX_SOURCES sources, or none.
 */
export function packetFilter(rule: PacketRule): Uint8Array {
  const sources = sourcesOf(rule);
  if (sources !== undefined && (sources.length === 0 || sources.length > MAX_SOURCES)) {
    throw new RangeError(`a rule has 1 to ${MAX_SOURCES} sources`);
  }
  const load = rule.family === 4 ? loadIpv4 : loadIpv6;
  const ends = [ret(ACCEPT_ALL_BYTES), ret(0)];
  const common = allOf(udpTests(rule, load), ends);
  const tests = (sources ?? []).map((source) => sourceTests(rule.family, source, load));
  return assemble(allOf(rule.family === 4 ? [NO_FRAGMENT] : [], anyOf(tests, common)));
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

/** Loads a word or half of the UDP datagram at an offset. */
type Load = (size: number, offset: number) => Instruction[];

const loadIpv4: Load = (size, offset) => [statement(LDX_MSH, 0), statement(LD_IND | size, offset)];
const loadIpv6: Load = (size, offset) => [statement(LD_ABS | size, offset)];

const NO_FRAGMENT: Test = {
  loads: [statement(LD_ABS | SIZE_HALF, IPV4_FLAGS)],
  noBitsOf: FRAGMENT_BITS,
};

function sourceTests(family: Family, { address, port }: PacketSource, load: Load): Test[] {
  const bytes = new DataView(address.slice().buffer);
  const [first, offsets] =
    family === 4 ? [IPV4_SOURCE, [0]] : [NETWORK_HEADER + IPV6_SOURCE, [0, 4, 8, 12]];
  return [
    ...offsets.map((offset) => ({
      loads: [statement(LD_ABS | SIZE_WORD, first + offset)],
      anyOf: [bytes.getUint32(offset)],
    })),
    { loads: load(SIZE_HALF, 0), anyOf: [port] },
  ];
}

function udpTests({ listenPort, payloadLengths, firstWord }: PacketRule, load: Load): Test[] {
  return [
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

/** Chains tests before a program that ends with rejection: the first that fails goes there. */
function allOf(tests: readonly Test[], rest: readonly Instruction[]): readonly Instruction[] {
  let program = rest;
  for (const test of [...tests].reverse()) {
    program = [...test.loads, ...decide(test, program.length - 1), ...program];
  }
  return program;
}

/** Before a program that ends with rejection, one of several chains has to hold; with none there is no condition. */
function anyOf(
  chains: readonly (readonly Test[])[],
  rest: readonly Instruction[],
): readonly Instruction[] {
  const last = chains.at(-1);
  if (last === undefined) {
    return rest;
  }
  let program = allOf(last, rest);
  for (const chain of chains.slice(0, -1).reverse()) {
    let block: Instruction[] = [statement(JA, program.length - rest.length)];
    for (const test of [...chain].reverse()) {
      // What fails goes on behind this block, with the next chain.
      block = [...test.loads, ...decide(test, block.length), ...block];
    }
    program = [...block, ...program];
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
