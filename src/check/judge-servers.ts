import type { ServerView } from '../client/status/status.js';
import { formatEndpoint } from '../wire/endpoint.js';
import type { Facts, ProbeFacts, ServerFacts } from './facts.js';
import { type Finding, note, ok, problem, unknown } from './finding.js';

/** A clock difference worth mentioning. */
const CLOCK_TOLERANCE_MS = 60_000;

const ERRORS: Readonly<Record<string, readonly [what: string, advice: string]>> = {
  EPERM: [
    "this host's firewall refuses to send there (EPERM)",
    'allow UDP to that port in the output rules of nft or iptables',
  ],
  ENETUNREACH: [
    'this host has no route there (ENETUNREACH)',
    'bring the uplink up, or add a route',
  ],
  EHOSTUNREACH: ['that host cannot be reached (EHOSTUNREACH)', 'check the route and the gateway'],
  ENETDOWN: ['the uplink is down (ENETDOWN)', 'bring it up'],
  EADDRNOTAVAIL: ['this host has no address of that family', 'use an address of the other family'],
  ECONNREFUSED: [
    'nothing listens there (ECONNREFUSED)',
    'start the server (wg-rendezvous server), or correct the port',
  ],
};

/** Each server by family: reachable, how far, the right key, and its clock. */
export function judgeServers(facts: Facts): Finding[] {
  const told = facts.client === 'none' ? [] : facts.client.servers;
  if (facts.servers.length === 0) {
    return told.length > 0
      ? told.map(judgeTold)
      : [note('server', 'none to look at: name one (wg-rendezvous check INTERFACE SERVER)')];
  }
  return facts.servers.flatMap((server) => judgeServer(server, facts));
}

/** A server that only the client asks: one of the DNS approach, inside the tunnel. */
function judgeTold({ name, protocol, state }: ServerView): Finding {
  const what = `${name} (${protocol}), as the client sees it: ${state}`;
  return state === 'silent'
    ? problem('server', what, 'see what the client says of it below')
    : state === 'answers'
      ? ok('server', what)
      : note('server', what);
}

function judgeServer(server: ServerFacts, facts: Facts): Finding[] {
  const { name, lookupError, probes } = server;
  if (lookupError !== undefined) {
    return [
      problem(
        'server',
        `${name}: its name has no address (${lookupError})`,
        "check the name and this host's DNS, or give an address",
      ),
    ];
  }
  const works = probes.some(({ outcome }) => outcome === 'answered');
  return probes.flatMap((probe) => judgeProbe(server, probe, works, facts));
}

function judgeProbe(
  server: ServerFacts,
  probe: ProbeFacts,
  works: boolean,
  facts: Facts,
): Finding[] {
  const address = formatEndpoint(probe.endpoint);
  const where =
    `${server.name} over IPv${probe.endpoint.family}` +
    (address === server.name ? '' : ` (${address})`);
  const { outcome } = probe;
  if (typeof outcome === 'object') {
    const [what, advice] = ERRORS[outcome.errorCode] ?? [
      `nothing can be sent there (${outcome.errorCode})`,
      'see the error',
    ];
    const isFirewall = outcome.errorCode === 'EPERM';
    // One family is enough; a firewall may forbid the other one on purpose.
    return works && !isFirewall
      ? [note('server', `${where}: ${what}`)]
      : [problem('server', `${where}: ${what}`, advice)];
  }
  switch (outcome) {
    case 'answered':
      return [answered(server, where, probe), ...judgeClock(where, probe)];
    case 'wrong-key':
      return [
        problem(
          'server',
          `${where}: has another key than the one given`,
          'compare with what wg-rendezvous pubkey prints on the server',
        ),
      ];
    case 'not-allowed':
      return [
        problem(
          'server',
          `${where}: does not let this host register`,
          "add this interface's public key to the server's --allow file",
        ),
      ];
    case 'full':
      return [
        problem(
          'server',
          `${where}: is full, or has too many clients of this network`,
          'raise --max-peers or --source-share of the server',
        ),
      ];
    case 'classic-only':
      return [
        problem(
          'server',
          `${where}: speaks the classic protocol only, or has another key`,
          'start it with --key FILE, or compare the key with what wg-rendezvous pubkey prints there',
        ),
      ];
    case 'silent': {
      if (facts.late.includes(`server ${server.name}`)) {
        return [unknown('server', `${where}: no answer in the time of this check`)];
      }
      const hint =
        server.protocol === 'classic'
          ? 'is the server running, its UDP port open, and its --sealed-only off?'
          : 'is the server running with --key, and its UDP port open?';
      return works
        ? [note('server', `${where}: no answer`)]
        : [problem('server', `${where}: no answer`, hint)];
    }
  }
}

function answered({ protocol }: ServerFacts, where: string, probe: ProbeFacts): Finding {
  const { roundTripMs } = probe;
  const time =
    roundTripMs === undefined ? '' : ` in ${roundTripMs.toFixed(roundTripMs < 10 ? 1 : 0)} ms`;
  const how = protocol === 'sealed' ? ', with the right key' : ' in the classic protocol';
  return ok('server', `${where} answers${time}${how}`);
}

function judgeClock(where: string, { clockAheadMs, staleByMs }: ProbeFacts): Finding[] {
  if (staleByMs !== undefined && staleByMs > 0) {
    return [
      problem(
        'server',
        `${where}: knows a time of this key that is ${span(staleByMs)} ahead of this host's clock`,
        'the clock went back, or another host uses the same private key: each host needs its own',
      ),
    ];
  }
  if (clockAheadMs !== undefined && Math.abs(clockAheadMs) > CLOCK_TOLERANCE_MS) {
    const how = clockAheadMs > 0 ? 'ahead of' : 'behind';
    return [
      problem(
        'server',
        `this host's clock is ${span(Math.abs(clockAheadMs))} ${how} that of ${where}`,
        'one of the two is wrong: compare both with timedatectl',
      ),
    ];
  }
  return [];
}

function span(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 120) {
    return `${seconds} s`;
  }
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}
