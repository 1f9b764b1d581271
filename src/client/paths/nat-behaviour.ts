import type { Endpoint } from '../../wire/endpoint.js';
import { formatEndpoint, sameEndpoint } from '../../wire/endpoint.js';

/** What another host saw of a datagram that left this one. Times are ms of one monotonic clock. */
export interface Observation {
  /** The port that it left from; WireGuard's own, or one held for the purpose. */
  readonly localPort: number;
  /** Where it was sent. */
  readonly asked: Endpoint;
  /** Where it came from, as seen there. */
  readonly mapped: Endpoint;
  readonly at: number;
}

/** How the mapping of a local port depends on the destination (RFC 4787 section 4.1). */
export type Mapping =
  | 'unknown'
  | 'endpoint-independent'
  | 'address-dependent'
  | 'address-and-port-dependent';

/** Ports of a subscriber, as far as the ports that were seen suggest: `size` is 512, 1024, 2048 or 4096. */
export interface PortBlock {
  readonly first: number;
  readonly size: number;
}

/** The behaviour of what is between this host and the others, for one address family. */
export interface NatBehaviour {
  /** Whether addresses are translated. */
  readonly translation: 'unknown' | 'none' | 'nat';
  readonly mapping: Mapping;
  /**
   * Whether several addresses were asked. Ports of one address cannot show a mapping that depends on the
   * address only: then `endpoint-independent` means no more than "not dependent on the port".
   */
  readonly isSeenAcrossAddresses: boolean;
  /** Whether the outside port is the local one (RFC 4787 section 4.2.1). */
  readonly ports: 'unknown' | 'preserved' | 'changed';
  /** The distance from one new mapping's port to the next one's, -127..127; 0 where there is no rule. */
  readonly step: number;
  /** Undefined where the ports suggest none. */
  readonly block: PortBlock | undefined;
  /** Whether an inside host can reach another one's outside address (RFC 4787 section 6). */
  readonly hairpinning: 'unknown' | 'yes' | 'no';
}

export const UNKNOWN_BEHAVIOUR: NatBehaviour = {
  translation: 'unknown',
  mapping: 'unknown',
  isSeenAcrossAddresses: false,
  ports: 'unknown',
  step: 0,
  block: undefined,
  hairpinning: 'unknown',
};

/**
 * Observations further apart than this are not compared: the mapping may have changed in between. Linux and
 * most NATs keep an unanswered one for 30 s.
 */
export const COMPARABLE_MS = 30_000;

/** Random ports of all 64 512 lie within 4096 by chance once in 80 times for three, once in 1000 for four. */
const MIN_PORTS_FOR_BLOCK = 3;

/** What carrier NATs give a subscriber (RFC 7422 section 2.1). */
const BLOCK_SIZES: readonly number[] = [512, 1024, 2048, 4096];
const LARGEST_BLOCK = 4096;
const FIRST_PORT = 1024;
const LAST_PORT = 65_535;

/** NATs that count on step by 1 or 2, or further where other hosts take ports in between. */
const MAX_STEP = 16;

/**
 * Judges one family's observations of this host.
 * @param observations from one place in the network, in any order
 * @param ownAddresses of this host
 * @param hairpinning what a probe to oneself showed
 */
export function natBehaviour(
  observations: readonly Observation[],
  ownAddresses: readonly string[],
  hairpinning: NatBehaviour['hairpinning'] = 'unknown',
): NatBehaviour {
  const all = ofOneTime(observations);
  const recent = newestOfEach(all);
  const last = recent.at(-1);
  if (last === undefined) {
    return UNKNOWN_BEHAVIOUR;
  }
  const isTranslated = !(
    ownAddresses.includes(last.mapped.address) && last.mapped.port === last.localPort
  );
  const isPreserved = recent.every(({ mapped, localPort }) => mapped.port === localPort);
  const mapping = isTranslated ? mappingOf(recent) : NO_MAPPING;
  const isDependent = mapping.mapping !== 'unknown' && mapping.mapping !== 'endpoint-independent';
  const step = isDependent && !isPreserved ? stepOf(mappedPorts(all)) : 0;
  return {
    translation: isTranslated ? 'nat' : 'none',
    ...mapping,
    ports: isPreserved ? 'preserved' : 'changed',
    step,
    block: isDependent && !isPreserved && step === 0 ? blockOf(mappedPorts(all)) : undefined,
    hairpinning: isTranslated ? hairpinning : 'unknown',
  };
}

/** The observations that can be compared, oldest first. */
function ofOneTime(observations: readonly Observation[]): Observation[] {
  const newest = Math.max(...observations.map(({ at }) => at));
  return observations.filter(({ at }) => at >= newest - COMPARABLE_MS).sort((a, b) => a.at - b.at);
}

/** The newest observation of each local port and asked endpoint, oldest first. */
function newestOfEach(inOrder: readonly Observation[]): Observation[] {
  const latest = new Map<string, Observation>();
  for (const it of inOrder) {
    latest.set(`${it.localPort} ${formatEndpoint(it.asked)}`, it);
  }
  return [...latest.values()].sort((a, b) => a.at - b.at);
}

type MappingVerdict = Pick<NatBehaviour, 'mapping' | 'isSeenAcrossAddresses'>;

/** Without translation every mapping is the address itself. */
const NO_MAPPING: MappingVerdict = { mapping: 'endpoint-independent', isSeenAcrossAddresses: true };

/** Compares what different endpoints saw of one local port. */
function mappingOf(observations: readonly Observation[]): MappingVerdict {
  const pairs = observations.flatMap((a, i) =>
    observations
      .slice(i + 1)
      .flatMap((b) => (a.localPort === b.localPort ? [[a, b] as const] : [])),
  );
  const differs = ([a, b]: readonly [Observation, Observation]) =>
    !sameEndpoint(a.mapped, b.mapped);
  const sameAddress = pairs.filter(([a, b]) => a.asked.address === b.asked.address);
  const otherAddress = pairs.filter(([a, b]) => a.asked.address !== b.asked.address);
  const isSeenAcrossAddresses = otherAddress.length > 0;
  if (sameAddress.some(differs)) {
    return { mapping: 'address-and-port-dependent', isSeenAcrossAddresses };
  }
  if (otherAddress.some(differs)) {
    // Without two ports of one address it may depend on the port as well.
    const mapping = sameAddress.length > 0 ? 'address-dependent' : 'address-and-port-dependent';
    return { mapping, isSeenAcrossAddresses };
  }
  const mapping = pairs.length > 0 ? 'endpoint-independent' : 'unknown';
  return { mapping, isSeenAcrossAddresses };
}

/** The outside ports in the order in which they were first seen, each once. */
export function mappedPorts(observations: readonly Observation[]): number[] {
  return [...new Set(observations.map(({ mapped }) => mapped.port))];
}

/** The common step of successive mappings; 0 where they have none. Two ports are too few to tell. */
function stepOf(ports: readonly number[]): number {
  const steps = ports.slice(1).map((port, i) => port - ports[i]!);
  // Other hosts take ports in between: the smallest step counts where all go the same way.
  const isUp = steps.every((step) => step > 0 && step <= MAX_STEP);
  const isDown = steps.every((step) => step < 0 && step >= -MAX_STEP);
  if (steps.length < 2 || !(isUp || isDown)) {
    return 0;
  }
  return isUp ? Math.min(...steps) : Math.max(...steps);
}

/**
 * The block around the ports that were seen. `n` ports drawn from `s` span about `s * (n - 1) / (n + 1)` of
 * them. It need not begin at a multiple of its size, and so is centred.
 */
function blockOf(ports: readonly number[]): PortBlock | undefined {
  const n = ports.length;
  const lowest = Math.min(...ports);
  const span = Math.max(...ports) - lowest + 1;
  if (n < MIN_PORTS_FOR_BLOCK || span > LARGEST_BLOCK || lowest < FIRST_PORT) {
    return undefined;
  }
  const likely = (span * (n + 1)) / (n - 1);
  const size = BLOCK_SIZES.find((it) => it >= likely) ?? LARGEST_BLOCK;
  return { first: withinPorts(Math.round(lowest + span / 2 - size / 2), size), size };
}

/** Where a block of that size may begin, nearest to `first`. */
function withinPorts(first: number, size: number): number {
  return Math.min(Math.max(first, FIRST_PORT), LAST_PORT + 1 - size);
}

/** One line for people, such as "endpoint-independent mapping, ports preserved, no hairpinning". */
export function natText(behaviour: NatBehaviour): string {
  const { translation, mapping, isSeenAcrossAddresses, ports, step, block, hairpinning } =
    behaviour;
  if (translation !== 'nat') {
    return translation === 'none' ? 'none' : 'unknown';
  }
  const limits =
    mapping === 'endpoint-independent' && !isSeenAcrossAddresses ? ' (seen from one address)' : '';
  return [
    `${mapping} mapping${limits}`,
    ports === 'unknown' ? '' : `ports ${ports}`,
    step === 0 ? '' : `in steps of ${step}`,
    block === undefined ? '' : `likely within ${block.first}-${block.first + block.size - 1}`,
    hairpinning === 'unknown' ? '' : hairpinning === 'yes' ? 'hairpinning' : 'no hairpinning',
  ]
    .filter((part) => part !== '')
    .join(', ');
}

/** Bytes of an encoded behaviour. */
export const NAT_BEHAVIOUR_LENGTH = 4;

const TRANSLATIONS: readonly NatBehaviour['translation'][] = ['unknown', 'none', 'nat'];
const MAPPINGS: readonly Mapping[] = [
  'unknown',
  'endpoint-independent',
  'address-dependent',
  'address-and-port-dependent',
];
const PORTS: readonly NatBehaviour['ports'][] = ['unknown', 'preserved', 'changed'];
const HAIRPINNING: readonly NatBehaviour['hairpinning'][] = ['unknown', 'yes', 'no'];
const ACROSS_ADDRESSES = 0x40;

/**
 * Encodes a behaviour for a peer in NAT_BEHAVIOUR_LENGTH bytes:
 *
 *     0: bits 0-1 translation, 2-3 mapping, 4-5 ports, 6 seen across addresses
 *     1: bits 0-1 hairpinning, 2-4 size of the block: 0 none, then 512, 1024, 2048, 4096
 *     2: the step, signed
 *     3: the block's first port, divided by 256
 */
export function encodeNatBehaviour(behaviour: NatBehaviour): Uint8Array {
  const { translation, mapping, ports, isSeenAcrossAddresses, hairpinning, step, block } =
    behaviour;
  const sizeCode = BLOCK_SIZES.indexOf(block?.size ?? 0) + 1;
  return Uint8Array.of(
    TRANSLATIONS.indexOf(translation) |
      (MAPPINGS.indexOf(mapping) << 2) |
      (PORTS.indexOf(ports) << 4) |
      (isSeenAcrossAddresses ? ACROSS_ADDRESSES : 0),
    HAIRPINNING.indexOf(hairpinning) | (sizeCode << 2),
    Math.min(Math.max(step, -127), 127),
    Math.round((block?.first ?? 0) / 256),
  );
}

/**
 * Decodes the first bytes of what a peer sent; undefined if there are too few. What is not understood is
 * unknown, so that later versions may say more.
 */
export function decodeNatBehaviour(bytes: Uint8Array): NatBehaviour | undefined {
  if (bytes.length < NAT_BEHAVIOUR_LENGTH) {
    return undefined;
  }
  const [kinds = 0, more = 0, step = 0, first = 0] = bytes;
  const size = BLOCK_SIZES[((more >> 2) & 7) - 1];
  return {
    translation: TRANSLATIONS[kinds & 3] ?? 'unknown',
    mapping: MAPPINGS[(kinds >> 2) & 3]!,
    isSeenAcrossAddresses: (kinds & ACROSS_ADDRESSES) !== 0,
    ports: PORTS[(kinds >> 4) & 3] ?? 'unknown',
    step: (step << 24) >> 24,
    block: size === undefined ? undefined : { first: withinPorts(first * 256, size), size },
    hairpinning: HAIRPINNING[more & 3] ?? 'unknown',
  };
}
