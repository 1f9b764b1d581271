import type { Approach, ReadyApproach } from './approach.js';
import { APPROACHES } from './approaches/index.js';
import { Draft } from './draft.js';
import { machine } from './machine.js';
import { connectOnce } from './measure/connect.js';
import { measureKnownPeers } from './measure/known-peers.js';
import { measureStranger } from './measure/stranger.js';
import { measureTrouble } from './measure/trouble.js';
import { type Comparison, type MeasureName, type Plan, TROUBLE_NAMES } from './results.js';
import { failure, outcomeOf, type Progress, runSteps, type Step } from './steps.js';
import type { Tools } from './tools.js';

const RATE_PEERS = [10, 1_000, 10_000];
const RATE_SECONDS = 4;
const QUICK_RATE_SECONDS = 0.5;

/** An approach that can run, and what is known of it so far. */
interface Contestant {
  readonly approach: ReadyApproach;
  readonly name: string;
  readonly draft: Draft;
}

/**
 * Runs what the plan asks for. What fails becomes part of the result; rejects only when the lab itself
 * cannot be built.
 */
export async function compare(
  plan: Plan,
  tools: Tools,
  version: string,
  onProgress: (progress: Progress) => void,
): Promise<Comparison> {
  const [startedAt, start] = [new Date().toISOString(), performance.now()];
  // First: where no lab can be built, that is said now and not after everything was measured.
  const where = await machine();
  const drafts: Draft[] = [];
  const contestants: Contestant[] = [];
  try {
    for (const approach of plan.approaches.map((name) => APPROACHES[name](tools))) {
      const draft = new Draft(approach);
      drafts.push(draft);
      const ready = await prepared(approach, draft);
      if (ready !== undefined) {
        contestants.push({ approach: ready, name: approach.name, draft });
      }
    }
    const steps = plan.measures.flatMap((measure) => STEPS[measure](plan, contestants, tools));
    await runSteps(steps, onProgress);
  } finally {
    await Promise.all(contestants.map(({ approach }) => approach[Symbol.asyncDispose]()));
  }
  return {
    format: 1,
    version,
    startedAt,
    seconds: Math.round((performance.now() - start) / 1000),
    machine: where,
    plan,
    approaches: drafts.map((draft) => draft.result()),
  };
}

async function prepared(approach: Approach, draft: Draft): Promise<ReadyApproach | undefined> {
  try {
    return await approach.prepare();
  } catch (error) {
    draft.problem = failure(error).problem;
    return undefined;
  }
}

type MakeSteps = (plan: Plan, contestants: readonly Contestant[], tools: Tools) => Step[];

/** The steps of each measure. Approaches take turns, so that what else the machine does hits them alike. */
const STEPS: Readonly<Record<MeasureName, MakeSteps>> = {
  connect: connectSteps,
  peers: (_, contestants, { agents }) =>
    contestants.map(({ approach, name, draft }) => ({
      title: `${name}: 100 known peers`,
      async run() {
        draft.peers = await outcomeOf(() => measureKnownPeers(approach, agents));
      },
    })),
  trouble: troubleSteps,
  rate: rateSteps,
  stranger: (_, contestants) =>
    contestants.map(({ approach, name, draft }) => ({
      title: `${name}: a stranger asks`,
      async run() {
        const found = await outcomeOf(() => measureStranger(approach));
        draft.stranger = Array.isArray(found) ? found : [found];
      },
    })),
};

function connectSteps({ pairs, rounds }: Plan, contestants: readonly Contestant[]): Step[] {
  const turns = Array.from({ length: rounds }, (_, index) => index + 1);
  return pairs.flatMap((pair) =>
    turns.flatMap((turn) =>
      contestants.map(({ approach, name, draft }) => ({
        title: `${name}: connect ${pair}, round ${turn} of ${rounds}`,
        async run() {
          if (!draft.gaveUp(pair)) {
            draft.addRound(pair, await outcomeOf(() => connectOnce(approach, pair)));
          }
        },
      })),
    ),
  );
}

function troubleSteps({ quick }: Plan, contestants: readonly Contestant[]): Step[] {
  // The longest first: the others fit into its time.
  return [...TROUBLE_NAMES].reverse().flatMap((trouble) =>
    contestants.map(({ approach, name, draft }) => ({
      title: `${name}: ${trouble}`,
      idle: true,
      async run() {
        draft.trouble[trouble] = await outcomeOf(() => measureTrouble(approach, trouble, quick));
      },
    })),
  );
}

function rateSteps({ quick }: Plan, contestants: readonly Contestant[]): Step[] {
  const seconds = quick ? QUICK_RATE_SECONDS : RATE_SECONDS;
  return RATE_PEERS.flatMap((peers) =>
    contestants.map(({ approach, name, draft }) => ({
      title: `${name}: requests a second with ${peers} peers`,
      async run() {
        draft.rate[peers] = await outcomeOf(() => approach.measureRate(peers, seconds));
      },
    })),
  );
}
