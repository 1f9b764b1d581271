import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { formatEndpoint } from '../../../src/wire/endpoint.js';
import { type Fate, type Node, World } from './world.js';

const HEAL_MS = 45_000;

/** What happens to one of three clients while the network is bad. */
type Deed =
  | { readonly kind: 'want'; readonly who: number; readonly whom: readonly number[] }
  | { readonly kind: 'move'; readonly who: number }
  | { readonly kind: 'restart'; readonly who: number }
  | { readonly kind: 'server' | 'wait' };

const who = fc.integer({ min: 0, max: 2 });
const deed: fc.Arbitrary<Deed> = fc.oneof(
  fc.record({ kind: fc.constant('want' as const), who, whom: fc.subarray([0, 1, 2]) }),
  fc.record({ kind: fc.constant('move' as const), who }),
  fc.record({ kind: fc.constant('restart' as const), who }),
  fc.record({ kind: fc.constantFrom('server' as const, 'wait' as const) }),
);

/** Loses, doubles and delays datagrams, as a row of dice says that is read over and over. */
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

it('after any losses, delays and repetitions all know what they may know, once the network is good', () => {
  fc.assert(
    fc.property(
      fc.array(deed, { maxLength: 12 }),
      fc.array(fc.integer({ min: 0, max: 99 }), { minLength: 20, maxLength: 60 }),
      (deeds, dice) => {
        const world = new World();
        const nodes = [world.node(), world.node(), world.node()];
        const wanted = nodes.map(() => new Set<number>());
        world.fate = badNetwork(dice);
        deeds.forEach((one, i) => {
          perform(world, nodes, wanted, one, i);
          world.run(400);
        });
        world.fate = () => [10];
        world.run(HEAL_MS);
        for (const [i, node] of nodes.entries()) {
          check(node, nodes, wanted, i);
        }
      },
    ),
    { numRuns: 40 },
  );
});

function perform(world: World, nodes: Node[], wanted: Set<number>[], one: Deed, turn: number) {
  if (one.kind === 'server') {
    world.restartServer();
  } else if ('who' in one) {
    const node = nodes[one.who] as Node;
    if (one.kind === 'want') {
      wanted[one.who] = new Set(one.whom.filter((other) => other !== one.who));
    } else if (one.kind === 'restart') {
      node.begin();
    } else {
      node.places[4] = `198.51.100.${one.who + 1}:${1000 + turn}`;
      node.conversation.refresh();
    }
    node.want(...[...(wanted[one.who] as Set<number>)].map((other) => nodes[other] as Node));
  }
}

function check(node: Node, nodes: readonly Node[], wanted: readonly Set<number>[], i: number) {
  for (const [j, peer] of nodes.entries()) {
    const isMutual = wanted[i]?.has(j) && wanted[j]?.has(i);
    if (wanted[i]?.has(j)) {
      const found = node.conversation.news(peer.name)?.ipv4;
      assert.equal(found && formatEndpoint(found), isMutual ? peer.places[4] : undefined);
    }
  }
}
