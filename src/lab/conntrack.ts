import { type Endpoint, endpoint, sameEndpoint } from '../wire/endpoint.js';
import type { Namespace } from './namespace.js';

/** One UDP flow through a gateway: the packets that started it, and the packets in reply. */
export interface Flow {
  readonly original: { readonly from: Endpoint; readonly to: Endpoint };
  readonly reply: { readonly from: Endpoint; readonly to: Endpoint };
  /** Whether packets have passed in both directions. */
  readonly answered: boolean;
  readonly secondsLeft: number;
}

const FLOW = /^udp\s+17\s+(?<seconds>\d+)\s.*\bsrc=/;
const TUPLE = /src=(\S+) dst=(\S+) sport=(\d+) dport=(\d+)/g;

/** Parses the output of `conntrack -L -p udp`. Ignores other lines. */
export function parseFlows(text: string): Flow[] {
  return text.split('\n').flatMap((line) => {
    const seconds = FLOW.exec(line)?.groups?.['seconds'];
    const [original, reply] = [...line.matchAll(TUPLE)].map(([, from, to, sport, dport]) => ({
      from: endpoint(from as string, Number(sport)),
      to: endpoint(to as string, Number(dport)),
    }));
    if (seconds === undefined || original === undefined || reply === undefined) {
      return [];
    }
    const answered = !line.includes('[UNREPLIED]');
    return [{ original, reply, answered, secondsLeft: Number(seconds) }];
  });
}

/** The UDP flows in the connection table of a gateway. */
export async function udpFlows(gateway: Namespace, family: 4 | 6 = 4): Promise<Flow[]> {
  const args = ['-L', '-p', 'udp', '-f', family === 4 ? 'ipv4' : 'ipv6'];
  return parseFlows(await gateway.exec('conntrack', args));
}

/**
 * The outside endpoint of packets from an inside endpoint to one of these addresses. Of several flows,
 * answered ones take precedence, then those with the longest timeout. Undefined if there is no flow.
 */
export function translation(
  flows: readonly Flow[],
  inside: Endpoint,
  remotes: readonly string[],
): Endpoint | undefined {
  const candidates = flows.flatMap((flow) => {
    if (sameEndpoint(flow.original.from, inside) && remotes.includes(flow.original.to.address)) {
      return [{ flow, outside: flow.reply.to }];
    }
    // Behind a full cone the far side can start the flow. Then our packets are its replies.
    if (sameEndpoint(flow.reply.from, inside) && remotes.includes(flow.reply.to.address)) {
      return [{ flow, outside: flow.original.to }];
    }
    return [];
  });
  candidates.sort(
    (a, b) =>
      Number(b.flow.answered) - Number(a.flow.answered) || b.flow.secondsLeft - a.flow.secondsLeft,
  );
  return candidates[0]?.outside;
}
