import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NatSurvey, type Question, type Sources } from '../../../src/client/paths/nat-survey.js';
import {
  type Endpoint,
  endpoint,
  parseEndpoint,
  sameEndpoint,
} from '../../../src/wire/endpoint.js';

const SERVER = parseEndpoint('198.51.100.1:49918');
const STUN = parseEndpoint('192.0.2.5:3478');
const OTHER_PORT = 49_919;
const WIREGUARD = 51_820;
const OWN = '192.168.1.7';
const ROUND_TRIP_MS = 50;

/** How a NAT maps: the outside port for a local port and a destination. */
type Nat = (localPort: number, to: Endpoint) => number;

const cone: Nat = (localPort) => localPort;
const symmetric: Nat = (localPort, { port }) =>
  10_000 + ((localPort * 7919 + port * 104_729) % 50_000);

/** A survey on a fake clock, behind a NAT that the test makes. */
class Bench {
  now = 1_000_000;
  readonly survey = new NatSurvey(4);
  readonly sent: string[] = [];
  nat: Nat = cone;
  address = '203.0.113.9';
  hairpins = false;
  /** Servers that never answer. */
  silent: readonly Endpoint[] = [];
  isAnswering = true;
  otherPort = OTHER_PORT;
  sources: Sources = {
    localPort: WIREGUARD,
    ownAddresses: [OWN],
    server: SERVER,
    stunServers: [],
  };

  /** Runs until nothing is left to do, or for so long. */
  run(forMs = 20_000): this {
    const end = this.now + forMs;
    this.survey.use(this.sources, this.now);
    while (this.now <= end) {
      this.survey.expire(this.now);
      for (const question of this.survey.due(this.now)) {
        this.sent.push(question.kind);
        this.answer(question);
      }
      if (this.survey.nextAt === Number.POSITIVE_INFINITY) {
        break;
      }
      this.now = Math.max(this.survey.nextAt, this.now + 1);
    }
    return this;
  }

  take(): string[] {
    return this.sent.splice(0);
  }

  private answer(question: Question): void {
    const { kind, to, ordinal } = question;
    const isAnswered = kind === 'hairpin' ? this.hairpins : this.isAnswering;
    if (!isAnswered || this.silent.some((one) => sameEndpoint(one, to))) {
      return;
    }
    const localPort = kind === 'held' ? 40_000 + ordinal : WIREGUARD;
    const mapped = endpoint(this.address, this.nat(localPort, to));
    this.now += ROUND_TRIP_MS;
    this.survey.answered(question, { localPort, asked: to, mapped, at: this.now }, this.otherPort);
  }
}

test('a cone: the two ports, and ourselves; without hairpinning the last is repeated', () => {
  const bench = new Bench().run();
  assert.deepEqual(bench.take(), ['server', 'probe-port', 'hairpin', 'hairpin']);
  const { mapping, ports, hairpinning, isSeenAcrossAddresses } = bench.survey.behaviour;
  assert.deepEqual(
    [mapping, ports, hairpinning, isSeenAcrossAddresses],
    ['endpoint-independent', 'preserved', 'no', false],
  );
  assert.ok(bench.survey.isSettled);
});

test('a cone that hairpins', () => {
  const bench = new Bench();
  bench.hairpins = true;
  assert.deepEqual(bench.run().take(), ['server', 'probe-port', 'hairpin']);
  assert.equal(bench.survey.behaviour.hairpinning, 'yes');
});

test('without a NAT one question is enough', () => {
  const bench = new Bench();
  bench.address = OWN;
  assert.deepEqual(bench.run().take(), ['server']);
  assert.equal(bench.survey.behaviour.translation, 'none');
});

test('a symmetric NAT: the first port once more, and four other ports of this host', () => {
  const bench = new Bench();
  bench.nat = symmetric;
  assert.deepEqual(bench.run().take(), [
    'server',
    'probe-port',
    'server',
    'held',
    'held',
    'held',
    'held',
  ]);
  assert.equal(bench.survey.behaviour.mapping, 'address-and-port-dependent');
});

test('ports that count on are recognised by the other ports of this host', () => {
  const bench = new Bench();
  const made = new Map<string, number>();
  bench.nat = (localPort, { port }) => {
    const key = `${localPort} ${port}`;
    made.set(key, made.get(key) ?? 30_000 + 2 * made.size);
    return made.get(key)!;
  };
  bench.run();
  assert.equal(bench.survey.behaviour.step, 2);
});

test('a mapping that moves between two questions is asked for again, and is no symmetric NAT', () => {
  const bench = new Bench();
  let moved = 4001;
  bench.nat = (_, { port }) => {
    if (port === OTHER_PORT) {
      moved = 5001;
    }
    return moved;
  };
  bench.run();
  assert.equal(bench.survey.behaviour.mapping, 'endpoint-independent');
});

test('a peer shows a mapping that depends on the address, by a path through the same NAT', () => {
  const bench = new Bench();
  bench.run();
  const { survey } = bench;
  assert.equal(survey.behaviour.mapping, 'endpoint-independent');
  const [seen] = survey.observations;
  const mapped = { ...seen!.mapped, port: 7000 };
  const peer = parseEndpoint('192.0.2.77:51820');
  const { at } = seen!;
  // By a LAN, by its own address behind the same NAT, too late: no peer can spoil what is known this way.
  assert.equal(survey.seenByPeer(peer, parseEndpoint('192.168.1.5:51820'), at), false);
  assert.equal(survey.seenByPeer({ ...mapped, port: 1 }, mapped, at), false);
  assert.equal(survey.seenByPeer(peer, mapped, at + 31_000), false);
  assert.equal(survey.behaviour.mapping, 'endpoint-independent');
  assert.equal(survey.seenByPeer(peer, mapped, at + 1000), true);
  assert.equal(survey.seenByPeer(peer, mapped, at + 2000), false);
  assert.equal(survey.behaviour.mapping, 'address-dependent');
});

test('a STUN server that answers no question is silent, but not before the last wait', () => {
  const bench = new Bench();
  const silent = parseEndpoint('192.0.2.7:3478');
  bench.silent = [silent];
  bench.sources = { ...bench.sources, stunServers: [STUN, silent] };
  bench.run(2500);
  assert.equal(bench.survey.hasStunAnswer(STUN), true);
  assert.equal(bench.survey.hasStunAnswer(silent), undefined);
  bench.run();
  assert.equal(bench.survey.hasStunAnswer(silent), false);
  assert.equal(bench.survey.hasStunAnswer(parseEndpoint('192.0.2.8:3478')), undefined, 'not asked');
});

test('STUN servers are asked at once, without a rendezvous server too', () => {
  const bench = new Bench();
  const second = parseEndpoint('192.0.2.6:3478');
  bench.sources = { ...bench.sources, server: undefined, stunServers: [STUN, second] };
  assert.deepEqual(bench.run().take(), ['stun', 'stun']);
  const { mapping, isSeenAcrossAddresses } = bench.survey.behaviour;
  assert.deepEqual([mapping, isSeenAcrossAddresses], ['endpoint-independent', true]);
});

test('a server without a second port leaves the mapping unknown', () => {
  const bench = new Bench();
  bench.otherPort = 0;
  assert.deepEqual(bench.run().take(), ['server']);
  assert.equal(bench.survey.behaviour.mapping, 'unknown');
  assert.equal(bench.survey.behaviour.ports, 'preserved');
});

test('a silent server is asked three times, and again after five minutes', () => {
  const bench = new Bench();
  bench.isAnswering = false;
  assert.deepEqual(bench.run().take(), ['server', 'server', 'server']);
  assert.ok(bench.survey.isSettled);
  assert.deepEqual(bench.run().take(), []);
  bench.now += 300_000;
  bench.isAnswering = true;
  assert.equal(bench.run().take()[0], 'server');
  assert.equal(bench.survey.behaviour.mapping, 'endpoint-independent');
});

test('another port of WireGuard, and a new start, void what was learned', () => {
  const bench = new Bench().run();
  bench.take();
  bench.sources = { ...bench.sources, localPort: 51_821 };
  bench.survey.use(bench.sources, bench.now);
  assert.equal(bench.survey.behaviour.mapping, 'unknown');
  const [question] = bench.survey.due(bench.now);
  const late = { localPort: WIREGUARD, asked: SERVER, mapped: SERVER, at: bench.now };
  bench.survey.answered(question!, late, 0);
  assert.equal(bench.survey.observations.length, 0, 'an answer to the old port');
  bench.survey.restart(bench.now);
  assert.equal(bench.survey.observations.length, 0);
});

test('another mapping at the server asks for a new survey, once a minute at most', () => {
  const bench = new Bench().run();
  const moved = endpoint('203.0.113.9', 7777);
  const seenFrom = (mapped: Endpoint, at: number) => bench.survey.seenFrom(mapped, at, at);
  seenFrom(endpoint('203.0.113.9', WIREGUARD), bench.now + 120_000);
  assert.equal(bench.survey.behaviour.mapping, 'endpoint-independent', 'the same mapping');
  seenFrom(moved, bench.now + 1000);
  assert.equal(bench.survey.behaviour.mapping, 'endpoint-independent', 'too soon');
  seenFrom(moved, bench.now + 120_000);
  assert.equal(bench.survey.behaviour.mapping, 'unknown');
});

test('where the server sees us is known before anything is asked, and counts with what others see', () => {
  const bench = new Bench();
  const [mapped, peer] = [endpoint('203.0.113.9', WIREGUARD), parseEndpoint('192.0.2.8:51820')];
  const seen = { asked: parseEndpoint('198.51.100.77:49918'), at: bench.now - 40 };
  const elsewhere = [{ ...seen, mapped: endpoint('203.0.113.9', 7) }];
  bench.sources = { ...bench.sources, mayAsk: false };
  bench.survey.use(bench.sources, bench.now);
  bench.survey.seenFrom(mapped, bench.now - 50, bench.now);
  bench.survey.expire(bench.now);
  assert.deepEqual(bench.survey.due(bench.now), []);
  assert.equal(bench.survey.nextAt, Number.POSITIVE_INFINITY);
  assert.equal(bench.survey.isSettled, false);
  assert.deepEqual(bench.survey.observations.at(-1)?.mapped, mapped);
  assert.ok(bench.survey.seenByPeer(peer, endpoint('203.0.113.9', 9), bench.now));
  assert.equal(bench.survey.behaviour.mapping, 'address-and-port-dependent');
  bench.sources = { ...bench.sources, mayAsk: true, seenElsewhere: elsewhere };
  assert.equal(bench.run().take()[0], 'server');
  assert.equal(bench.survey.observations.filter(({ asked }) => asked === seen.asked).length, 1);
});

test('a server that said where it sees us, and its other port, is asked at that port only', () => {
  const bench = new Bench();
  bench.sources = { ...bench.sources, otherPort: OTHER_PORT };
  bench.survey.use({ ...bench.sources, mayAsk: false }, bench.now);
  bench.survey.seenFrom(endpoint('203.0.113.9', WIREGUARD), bench.now, bench.now);
  assert.deepEqual(bench.run().take(), ['probe-port', 'hairpin', 'hairpin']);
  assert.equal(bench.survey.behaviour.mapping, 'endpoint-independent');
});

test('where a peer waits for the result, all is asked at once', () => {
  const bench = new Bench();
  bench.sources = { ...bench.sources, otherPort: OTHER_PORT, isAwaited: true };
  bench.nat = symmetric;
  bench.survey.use({ ...bench.sources, mayAsk: false }, bench.now);
  const mapped = endpoint(bench.address, symmetric(WIREGUARD, SERVER));
  bench.survey.seenFrom(mapped, bench.now, bench.now);
  bench.survey.use(bench.sources, bench.now);
  const kinds = bench.survey.due(bench.now).map(({ kind }) => kind);
  assert.deepEqual(kinds, ['probe-port', 'server', 'held', 'held', 'held', 'held']);
});

test('nothing is asked where the server sees us untranslated, and nothing taken in from before a new start', () => {
  const bench = new Bench();
  const seen = endpoint(OWN, WIREGUARD);
  bench.survey.use({ ...bench.sources, mayAsk: false }, bench.now);
  bench.survey.seenFrom(seen, bench.now, bench.now);
  assert.equal(bench.survey.isSettled, true);
  assert.deepEqual(bench.run().take(), []);
  assert.equal(bench.survey.behaviour.translation, 'none');
  bench.survey.restart(bench.now + 1);
  bench.survey.seenFrom(seen, bench.now, bench.now + 10);
  assert.deepEqual(bench.survey.observations, []);
});

test('observations are bounded', () => {
  const { survey } = new Bench().run();
  for (let i = 0; i < 1000; i++) {
    const asked = endpoint('192.0.2.1', 1 + i);
    survey.observed({ localPort: WIREGUARD, asked, mapped: SERVER, at: i });
  }
  assert.equal(survey.observations.length, 64);
});

test('what a server at another address sees shows a mapping that depends on the address, or does not', () => {
  const elsewhere = (mapped: number, at: number) => ({
    asked: parseEndpoint('198.51.100.77:49918'),
    mapped: endpoint('203.0.113.9', mapped),
    at,
  });
  const begun = 1_000_000;
  for (const [mapped, at, expected, validFrom = begun] of [
    [WIREGUARD, begun + 10, ['endpoint-independent', true]],
    [WIREGUARD + 1, begun + 10, ['address-dependent', true]],
    // Said before what was known became void: it may be of a mapping that is gone.
    [WIREGUARD + 1, begun - 1, ['endpoint-independent', false]],
    // Too long ago to be compared.
    [WIREGUARD + 1, begun - 40_000, ['endpoint-independent', false], begun - 60_000],
  ] as const) {
    const bench = new Bench();
    bench.survey.restart(validFrom);
    bench.sources = { ...bench.sources, seenElsewhere: [elsewhere(mapped, at)] };
    bench.run();
    bench.survey.use(bench.sources, bench.now);
    const { mapping, isSeenAcrossAddresses } = bench.survey.behaviour;
    assert.deepEqual([mapping, isSeenAcrossAddresses], expected);
    bench.survey.use(bench.sources, bench.now);
    const seen = bench.survey.observations.filter(({ asked }) => asked.address.endsWith('77'));
    assert.equal(seen.length, at >= begun ? 1 : 0);
  }
});
