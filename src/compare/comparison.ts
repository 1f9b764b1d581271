import { availableParallelism, cpus, release } from 'node:os';
import { outcome } from '../lab/command.js';
import { createLab } from '../lab/index.js';
import type { ReadyApproach, Tools } from './approach.js';
import { APPROACHES } from './approaches/index.js';
import { connectOnce, PairRounds } from './measure/connect.js';
import { measureFault } from './measure/faults.js';
import { measureKnownPeers } from './measure/known-peers.js';
import { measureRate, RATE_PEERS } from './measure/rate.js';
import { measureStranger } from './measure/stranger.js';
import {
  type ApproachResult,
  type Comparison,
  FAULT_NAMES,
  KNOWN_PEERS,
  type Machine,
  type MeasureName,
  type Plan,
} from './results.js';
import { failure, outcomeOf, type Progress, runSteps, type Step } from './steps.js';

/** The measures of a result, while they are being filled in. */
type Measures = { -readonly [Name in MeasureName]?: ApproachResult[Name] };

/** An approach that can run, and its results so far. */
interface Contestant {
  readonly name: string;
  readonly approach: ReadyApproach;
  readonly measures: Measures;
}

/**
 * Runs the measures of a plan. Failures become part of the result; rejects only if no lab can be built.
 */
export async function compare(
  plan: Plan,
  tools: Tools,
  version: string,
  onProgress: (progress: Progress) => void,
): Promise<Comparison> {
  const [startedAt, start] = [new Date().toISOString(), performance.now()];
  // First, so that it fails before the measurements if no lab can be built.
  const machine = await describeMachine();
  const approaches = plan.approaches.map((name) => APPROACHES[name](tools));
  const contestants: Contestant[] = [];
  const results: ApproachResult[] = [];
  try {
    for (const { name, summary, needs, prepare } of approaches) {
      const measures: Measures = {};
      try {
        contestants.push({ name, approach: await prepare(), measures });
        results.push(Object.assign(measures, { name, summary, needs }));
      } catch (error) {
        results.push({ name, summary, needs, problem: failure(error).problem });
      }
    }
    const steps = plan.measures.flatMap((measure) => STEPS[measure](plan, contestants, tools));
    await runSteps(steps, onProgress);
  } finally {
    await Promise.all(contestants.map(({ approach }) => approach[Symbol.asyncDispose]()));
  }
  const seconds = Math.round((performance.now() - start) / 1000);
  return { format: 2, version, startedAt, seconds, machine, plan, approaches: results };
}

/** Builds a small lab to see which WireGuard it uses. */
async function describeMachine(): Promise<Machine> {
  await using lab = await createLab({ hosts: { a: {} } });
  return {
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    kernel: release(),
    node: process.version,
    wireguard: lab.host('a').wireguard.userspace ? await userspaceVersion() : 'kernel',
  };
}

async function userspaceVersion(): Promise<string> {
  const { stdout } = await outcome('wireguard-go', ['--version']);
  return /^wireguard-go \S+/.exec(stdout)?.[0] ?? 'wireguard-go';
}

type MakeSteps = (plan: Plan, contestants: readonly Contestant[], tools: Tools) => Step[];

/** The steps of each measure. Approaches take turns, so that other load on the machine affects all. */
const STEPS: Readonly<Record<MeasureName, MakeSteps>> = {
  connect: connectSteps,
  peers: ({ roundTripMilliseconds }, contestants) =>
    contestants.map(({ approach, name, measures }) => ({
      title: `${name}: ${KNOWN_PEERS} known peers`,
      async run() {
        measures.peers = await outcomeOf(() => measureKnownPeers(approach, roundTripMilliseconds));
      },
    })),
  faults: faultSteps,
  rate: rateSteps,
  stranger: ({ roundTripMilliseconds }, contestants) =>
    contestants.map(({ approach, name, measures }) => ({
      title: `${name}: a stranger asks`,
      async run() {
        const found = await outcomeOf(() => measureStranger(approach, roundTripMilliseconds));
        measures.stranger = Array.isArray(found) ? found : [found];
      },
    })),
};

function connectSteps(
  { pairs, rounds, roundTripMilliseconds }: Plan,
  contestants: readonly Contestant[],
): Step[] {
  const turns = Array.from({ length: rounds }, (_, index) => index + 1);
  return pairs.flatMap((pair) => {
    const entries = contestants.map((contestant) => ({ contestant, rounds: new PairRounds() }));
    return turns.flatMap((turn) =>
      entries.map(({ contestant: { name, approach, measures }, rounds: done }) => ({
        title: `${name}: connect ${pair}, round ${turn} of ${rounds}`,
        async run() {
          if (!done.gaveUp) {
            done.add(await outcomeOf(() => connectOnce(approach, pair, roundTripMilliseconds)));
            measures.connect = { ...measures.connect, [pair]: done.result() };
          }
        },
      })),
    );
  });
}

function faultSteps(plan: Plan, contestants: readonly Contestant[]): Step[] {
  const { quick, roundTripMilliseconds: roundTripMs } = plan;
  // The longest first: the others fit into its time.
  return [...FAULT_NAMES].reverse().flatMap((fault) =>
    contestants.map(({ approach, name, measures }) => ({
      title: `${name}: ${fault}`,
      idle: true,
      async run() {
        const found = await outcomeOf(() => measureFault(approach, fault, { quick, roundTripMs }));
        measures.faults = { ...measures.faults, [fault]: found };
      },
    })),
  );
}

function rateSteps({ quick }: Plan, contestants: readonly Contestant[], { agents }: Tools): Step[] {
  return RATE_PEERS.flatMap((peers) =>
    contestants.map(({ approach, name, measures }) => ({
      title: `${name}: requests a second with ${peers} peers`,
      async run() {
        const found = await outcomeOf(() => measureRate(approach, agents, peers, quick));
        measures.rate = { ...measures.rate, [peers]: found };
      },
    })),
  );
}
