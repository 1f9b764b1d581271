import type { Endpoint } from '../../wire/endpoint.js';
import type { FirewallFacts } from '../facts.js';
import { outputOf } from '../run-tool.js';
import { parseIptables } from './iptables-ruleset.js';
import { parseNft } from './nft-ruleset.js';
import { type FirewallDrop, findDrop, type Packet, type Table } from './ruleset.js';

const IPTABLES = [
  ['iptables-save', 4],
  ['iptables-legacy-save', 4],
  ['ip6tables-save', 6],
  ['ip6tables-legacy-save', 6],
] as const;

/** What the packets of a client pass. */
export interface Traffic {
  readonly listenPort: number;
  readonly fwmark: number;
  readonly servers: readonly Flow[];
  readonly peers: readonly Flow[];
}

/** A remote end, and the interface by which it is reached if that is known. */
export interface Flow {
  readonly endpoint: Endpoint;
  readonly interface: string | undefined;
}

/** Reads the rules of this host, and finds those that drop a client's packets. Changes nothing. */
export async function readFirewall(traffic: Traffic): Promise<FirewallFacts> {
  const tables: Table[] = [];
  const readBy: string[] = [];
  const take = (tool: string, text: string | undefined, parse: (text: string) => Table[]) => {
    if (text === undefined) {
      return;
    }
    try {
      tables.push(...parse(text));
      readBy.push(tool);
    } catch {
      // A version that prints something else counts as missing.
    }
  };
  const [nft, ...saved] = await Promise.all([
    outputOf('nft', ['-j', 'list', 'ruleset']),
    ...IPTABLES.map(([tool]) => outputOf(tool, [])),
  ]);
  take('nft', nft, parseNft);
  IPTABLES.forEach(([tool, family], i) => {
    take(tool, saved[i], (text) => parseIptables(text, family));
  });
  return { drops: findDrops(tables, traffic), readBy };
}

/** The rules that drop requests, openers and WireGuard's own packets, or what comes back. Pure. */
export function findDrops(tables: readonly Table[], traffic: Traffic): FirewallDrop[] {
  const drops: FirewallDrop[] = [];
  for (const [what, flows] of [
    ['the server', traffic.servers],
    ['peers', traffic.peers],
  ] as const) {
    for (const { endpoint, interface: name } of flows) {
      const out = findDrop(tables, ['output', 'postrouting'], {
        ...packet(traffic, endpoint),
        sourcePort: traffic.listenPort,
        destinationPort: endpoint.port,
        source: undefined,
        destination: endpoint.address,
        inInterface: undefined,
        outInterface: name,
        state: 'new',
      });
      const back = findDrop(tables, ['prerouting', 'input'], {
        ...packet(traffic, endpoint),
        mark: 0,
        sourcePort: endpoint.port,
        destinationPort: traffic.listenPort,
        source: endpoint.address,
        destination: undefined,
        inInterface: name,
        outInterface: undefined,
        // This host has sent there before.
        state: 'established',
      });
      add(drops, `packets to ${what}`, 'out', out);
      add(drops, `packets from ${what}`, 'in', back);
    }
  }
  return drops;
}

function packet({ fwmark }: Traffic, { family }: Endpoint): Pick<Packet, 'family' | 'mark'> {
  return { family, mark: fwmark };
}

function add(
  drops: FirewallDrop[],
  what: string,
  direction: FirewallDrop['direction'],
  rule: string | undefined,
): void {
  if (rule !== undefined && !drops.some((drop) => drop.rule === rule && drop.what === what)) {
    drops.push({ what, direction, rule });
  }
}
