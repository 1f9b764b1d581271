import { type Endpoint, endpoint, sameEndpoint } from '../wire/endpoint.js';
import type { Namespace } from './namespace.js';

/** One UDP flow through a gateway: as it arrives, and as answers to it arrive. */
export interface Flow {
  readonly original: { readonly from: Endpoint; readonly to: Endpoint };
  readonly reply: { readonly from: Endpoint; readonly to: Endpoint };
  /** Whether packets went both ways. */
  readonly answered: boolean;
  readonly secondsLeft: number;
}

const FLOW = /^udp\s+17\s+(?<seconds>\d+)\s.*\bsrc=/;
const TUPLE = /src=(\S+) dst=(\S+) sport=(\d+) dport=(\d+)/g;

/** Parses the lines of `conntrack -L -p udp`; other lines are passed over. */
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

/** The UDP flows that a gateway has in its connection table. */
export async function udpFlows(gateway: Namespace, family: 4 | 6 = 4): Promise<Flow[]> {
  const args = ['-L', '-p', 'udp', '-f', family === 4 ? 'ipv4' : 'ipv6'];
  return parseFlows(await gateway.exec('conntrack', args));
}

/**
 * What a gateway makes of an inside endpoint's packets to one of these addresses: the endpoint that
 * they come from on the other side. Of several flows the liveliest counts. Undefined when there is none.
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
    // A full cone lets the far side begin: then our packets are the flow's answers.
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
