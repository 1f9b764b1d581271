/*
 * Which outside ports a NAT with endpoint-dependent mapping may give to its next mappings, judged by those that
 * were observed. Pure.
 */

/** Ports below are not given to mappings of unprivileged ports (RFC 4787, 4.2.1; Linux does so too). */
const FIRST_PORT = 1024;
const PORT_COUNT = 65_536 - FIRST_PORT;

/** The block sizes of carrier NATs are multiples of this (RFC 7422 and RFC 7753 have examples). */
const CHUNK = 512;
const MAX_BLOCK = 4096;

/** Other traffic uses up some ports between the observation and the first of our mappings. */
const FIRST_PREDICTED = 16;
const PREDICTED = 320;

/** Sockets of the hard side: with 256, a random port is one of theirs with a chance of 1 in 252. */
const MAX_SOCKETS = 256;
const STEPPING_SOCKETS = 64;
/** Carrier NATs give a subscriber few ports, which other programs of it need, too. */
const SHARE_OF_BLOCK = 4;

/** A function that returns an integer of 0..below-1. */
export type RandomBelow = (below: number) => number;

/** What is known of the outside ports that the hard side gets. */
export interface PortPattern {
  /** The latest that was observed. */
  readonly last: number;
  /** The distance from one mapping's port to the next one's; 0 where there is no rule. */
  readonly step: number;
  /** The ports of a subscriber, about; undefined where none are known. */
  readonly block: { readonly first: number; readonly size: number } | undefined;
}

/** How many sockets the hard side opens. */
export function socketCount({ step, block }: PortPattern): number {
  if (step !== 0) {
    return STEPPING_SOCKETS;
  }
  return Math.min(MAX_SOCKETS, (block?.size ?? PORT_COUNT) / SHARE_OF_BLOCK);
}

/**
 * All ports that may be outside ports of the hard side, each once: those that steps predict, in turn with
 * those of the block and what is near it, and then the others at random.
 */
export function* guessPorts(pattern: PortPattern, random: RandomBelow): Generator<number> {
  const guessed = new Set<number>();
  function* fresh(ports: Iterable<number>): Generator<number> {
    for (const port of ports) {
      if (!guessed.has(port)) {
        guessed.add(port);
        yield port;
      }
    }
  }
  // In turn: random ports of a small block look like steps now and then.
  const block = blockPorts(pattern, random);
  for (const port of predicted(pattern)) {
    yield* fresh([port]);
    const { value } = block.next();
    yield* fresh(value === undefined ? [] : [value]);
  }
  yield* fresh(block);
  yield* fresh(shuffled(FIRST_PORT, PORT_COUNT, random));
}

function predicted({ step, last }: PortPattern): number[] {
  if (step === 0) {
    return [];
  }
  const ordinals = Array.from({ length: PREDICTED }, (_, index) => index + 1);
  const early = ordinals.slice(0, FIRST_PREDICTED - 1).reverse();
  return [...ordinals.slice(FIRST_PREDICTED - 1), ...early].map((ordinal) =>
    wrapped(last + step * ordinal),
  );
}

function wrapped(port: number): number {
  return FIRST_PORT + ((((port - FIRST_PORT) % PORT_COUNT) + PORT_COUNT) % PORT_COUNT);
}

/** The ports of the block, and then those around it, as far as the largest block may reach. */
function* blockPorts({ block }: PortPattern, random: RandomBelow): Generator<number> {
  if (block === undefined) {
    return;
  }
  const { first, size } = block;
  yield* within(first, size, random);
  for (let away = 0; away < MAX_BLOCK - size; away += CHUNK) {
    yield* within(first - away - CHUNK, CHUNK, random);
    yield* within(first + size + away, CHUNK, random);
  }
}

function within(first: number, count: number, random: RandomBelow): Generator<number> {
  const low = Math.max(first, FIRST_PORT);
  const high = Math.min(first + count, FIRST_PORT + PORT_COUNT);
  return shuffled(low, Math.max(0, high - low), random);
}

/** Consecutive numbers in random order (Fisher and Yates), made as they are asked for. */
function* shuffled(first: number, count: number, random: RandomBelow): Generator<number> {
  const moved = new Map<number, number>();
  for (let left = count; left > 0; left--) {
    const chosen = random(left);
    yield first + (moved.get(chosen) ?? chosen);
    moved.set(chosen, moved.get(left - 1) ?? left - 1);
  }
}
