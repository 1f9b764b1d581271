import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { type Family, formatEndpoint } from '../../../src/wire/endpoint.js';
import { MESSAGE } from '../../../src/wire/sealed.js';
import type { PeerCandidates } from '../../../src/wire/sealed-candidates.js';
import { type Fate, hosts, type Node, World } from './world.js';

const HEAL_MS = 45_000;

/** In the last part of HEAL_MS there are no more handshakes. */
const CALM_MS = 15_000;

/** An event at one of three clients, or at the server, while the network is bad. */
type Deed =
  | { readonly kind: 'want'; readonly who: number; readonly whom: readonly number[] }
  | { readonly kind: 'move'; readonly who: number }
  | { readonly kind: 'restart' | 'leave'; readonly who: number }
  | { readonly kind: 'offer'; readonly who: number; readonly count: number }
  | { readonly kind: 'server' | 'wait' };

/** The state that a client's calls add up to, whatever the network does. */
interface Meaning {
  wanted: Set<number>;
  offered: PeerCandidates;
}

/** The family over which the first client reaches no server. */
type Dead = Family | undefined;

const who = fc.integer({ min: 0, max: 2 });
const deed: fc.Arbitrary<Deed> = fc.oneof(
  fc.record({ kind: fc.constant('want' as const), who, whom: fc.subarray([0, 1, 2]) }),
  fc.record({ kind: fc.constant('move' as const), who }),
  fc.record({ kind: fc.constantFrom('restart' as const, 'leave' as const), who }),
  fc.record({ kind: fc.constant('offer' as const), who, count: fc.integer({ min: 0, max: 2 }) }),
  fc.record({ kind: fc.constantFrom('server' as const, 'wait' as const) }),
);

/** Loses, duplicates and delays datagrams, by a row of dice that is read over and over. */
function badNetwork(dice: readonly number[]): Fate {
  let throws = 0;
  const next = () => dice[throws++ % dice.length] ?? 0;
  return () => {
    const luck = next();
    if (luck < 30) {
      return [];
    }
    return luck < 45 ? [next() * 10, next() * 30] : [next() * 10];
  };
}

/** The same, but nothing gets through between the server and one address of a client. */
function without(dead: Dead, node: Node, fate: Fate): Fate {
  return (datagram) => {
    const place = dead && node.places[dead];
    return datagram.from === place || datagram.to === place ? [] : fate(datagram);
  };
}

it('sealed clients: after any losses, delays and duplicates all have the right updates once the network works', () => {
  fc.assert(
    fc.property(
      fc.array(deed, { maxLength: 12 }),
      fc.array(fc.integer({ min: 0, max: 99 }), { minLength: 20, maxLength: 60 }),
      fc.constantFrom<Dead>(4, 6, undefined),
      (deeds, dice, dead) => {
        const world = new World();
        const nodes = [world.node(), world.node(), world.node()] as const;
        nodes[0].families = [4, 6];
        nodes[1].families = [4, 6];
        const meanings = nodes.map((): Meaning => ({ wanted: new Set(), offered: hosts() }));
        world.fate = without(dead, nodes[0], badNetwork(dice));
        deeds.forEach((one, i) => {
          perform(world, nodes, meanings, one, i);
          world.run(400);
        });
        world.fate = without(dead, nodes[0], () => [10]);
        world.run(HEAL_MS);
        for (const i of nodes.keys()) {
          check(nodes, meanings, i, dead);
          assert.ok(isCalm(nodes[i] as Node, world.now - CALM_MS));
        }
      },
    ),
    { numRuns: 40 },
  );
});

function perform(
  world: World,
  nodes: readonly Node[],
  meanings: readonly Meaning[],
  one: Deed,
  turn: number,
) {
  if (one.kind === 'server') {
    world.restartServer();
  } else if ('who' in one) {
    const node = nodes[one.who] as Node;
    const meaning = meanings[one.who] as Meaning;
    if (one.kind === 'want') {
      meaning.wanted = new Set(one.whom.filter((other) => other !== one.who));
    } else if (one.kind === 'offer') {
      meaning.offered = hosts(...[`10.0.0.${turn}:1`, `10.0.1.${turn}:1`].slice(0, one.count));
    } else if (one.kind === 'move') {
      node.places[4] = `198.51.100.${one.who + 1}:${1000 + turn}`;
      node.client.refresh();
    } else {
      restart(world, node, one.kind === 'leave');
    }
    node.want(...[...meaning.wanted].map((other) => nodes[other] as Node));
    node.client.setLocalCandidates(meaning.offered);
  }
}

function restart(world: World, node: Node, leaves: boolean): void {
  if (leaves) {
    node.client.leave(world.now);
    world.run(50);
  }
  node.begin();
}

function isCalm({ sent }: Node, since: number): boolean {
  return !sent.some(({ at, payload }) => at > since && payload[3] === MESSAGE.initiation);
}

function check(nodes: readonly Node[], meanings: readonly Meaning[], i: number, dead: Dead): void {
  for (const [j, peer] of nodes.entries()) {
    const { wanted, offered } = meanings[j] as Meaning;
    if (meanings[i]?.wanted.has(j)) {
      const isMutual = wanted.has(i);
      const news = nodes[i]?.client.update(peer.key);
      const isHeard = (family: Family) =>
        isMutual && peer.families.includes(family) && !(j === 0 && family === dead);
      assert.deepEqual(
        [news?.ipv4, news?.ipv6].map((found) => found && formatEndpoint(found)),
        [isHeard(4) ? peer.places[4] : undefined, isHeard(6) ? peer.places[6] : undefined],
      );
      assert.deepEqual(news?.candidates?.candidates ?? [], isMutual ? offered.candidates : []);
    }
  }
}
