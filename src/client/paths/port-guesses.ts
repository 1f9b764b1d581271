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

/** Ports that step are this far apart at most, with other traffic of the NAT in between. */
const MAX_STEP = 16;
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

/**
 * How far consecutive mappings are apart: the greatest common divisor of the distances, negative when ports
 * step down. Undefined unless the ports, in the order of their observation, step.
 */
export function portStep(observed: readonly number[]): number | undefined {
  const distances = observed.slice(1).map((port, index) => port - (observed[index] as number));
  const [first] = distances;
  const isSteady = distances.every(
    (distance) =>
      distance !== 0 && Math.abs(distance) <= MAX_STEP && distance > 0 === (first as number) > 0,
  );
  if (first === undefined || !isSteady) {
    return undefined;
  }
  return distances.map(Math.abs).reduce(divisor) * Math.sign(first);
}

/** How many sockets the hard side opens, by the outside ports that were observed of it. */
export function socketCount(observed: readonly number[]): number {
  if (portStep(observed) !== undefined) {
    return STEPPING_SOCKETS;
  }
  const spread = Math.max(...observed) - Math.min(...observed) + 1;
  const block = observed.length < 2 ? CHUNK : Math.ceil(spread / CHUNK) * CHUNK;
  return Math.min(MAX_SOCKETS, block / SHARE_OF_BLOCK);
}

/**
 * All ports that may be outside ports of the hard side, each once: those that steps predict, in turn with
 * those of the block that the observed ports suggest, nearest chunk first, and then the others at random.
 */
export function* guessPorts(observed: readonly number[], random: RandomBelow): Generator<number> {
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
  const block = blockPorts(observed, random);
  for (const port of predicted(observed)) {
    yield* fresh([port]);
    const { value } = block.next();
    yield* fresh(value === undefined ? [] : [value]);
  }
  yield* fresh(block);
  yield* fresh(shuffled(FIRST_PORT, PORT_COUNT, random));
}

/** The ports of the block that the observed ones suggest. */
function* blockPorts(observed: readonly number[], random: RandomBelow): Generator<number> {
  for (const chunk of suggestedChunks(observed)) {
    const first = Math.max(chunk * CHUNK, FIRST_PORT);
    const size = Math.min((chunk + 1) * CHUNK, FIRST_PORT + PORT_COUNT) - first;
    yield* shuffled(first, size, random);
  }
}

function predicted(observed: readonly number[]): number[] {
  const step = portStep(observed);
  const last = observed.at(-1);
  if (step === undefined || last === undefined) {
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

/** The numbers of the chunks of MAX_BLOCK ports around the observed ones; none where these are far apart. */
function suggestedChunks(observed: readonly number[]): number[] {
  const [low, high] = [Math.min(...observed), Math.max(...observed)].map((port) =>
    Math.floor(port / CHUNK),
  ) as [number, number];
  if (observed.length === 0 || high - low >= MAX_BLOCK / CHUNK) {
    return [];
  }
  const inside = Array.from({ length: high - low + 1 }, (_, index) => low + index);
  const outside = Array.from({ length: MAX_BLOCK / CHUNK }, (_, index) => [
    low - index - 1,
    high + index + 1,
  ]).flat();
  return [...inside, ...outside]
    .filter((chunk) => chunk >= FIRST_PORT / CHUNK && chunk < 65_536 / CHUNK)
    .slice(0, MAX_BLOCK / CHUNK);
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

function divisor(a: number, b: number): number {
  return b === 0 ? a : divisor(b, a % b);
}
