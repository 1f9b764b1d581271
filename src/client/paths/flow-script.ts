import type { Endpoint, Family } from '../../wire/endpoint.js';
import { formatEndpoint, parseEndpoint } from '../../wire/endpoint.js';

/*
 * The nft table `wg-rendezvous`, one in each family. Each interface has two chains of its own in it:
 *
 *   out-wg0: WireGuard's packets to a peer leave by the port of the socket that got through
 *   in-wg0:  the peer's packets to that port reach only the translated flow. Without it, a packet that
 *            arrives while there is no flow makes an entry of its own, which then blocks the flow.
 *
 * A translation that a stopped client leaves behind is a rule that matches the flow and does nothing. It
 * keeps the kernel tracking and translating it, which both end with the last rule that needs them.
 */

export const TABLE = 'wg-rendezvous';

/** WireGuard's flow to a peer that leaves by another port than WireGuard's. */
export interface MovedFlow {
  /** The peer's endpoint. */
  readonly remote: Endpoint;
  /** WireGuard's port. */
  readonly listenPort: number;
  /** The port of this host that the flow leaves by. */
  readonly port: number;
}

/** What the table does for a flow: translate it, or, when the client has stopped, keep it as it is. */
export type FlowPurpose = 'translate' | 'keep';

/** Before the host's own source translation (srcnat is 100), whose rule would win otherwise. */
const OUT_PRIORITY = 90;
/** Before the host's own filter (0). */
const IN_PRIORITY = -10;

const PLAIN_NAME = /^[A-Za-z0-9_.-]+$/;
const COMMENT = /^(\S+) by (\d+) for (\d+)$/;
const MAX_PORT = 65_535;

/** The transaction after which the chains of an interface hold exactly these flows of a family. */
export function flowScript(
  interfaceName: string,
  family: Family,
  flows: readonly MovedFlow[],
  purpose: FlowPurpose,
): string {
  const { table, out, into } = names(interfaceName, family);
  const isEmpty = flows.length === 0;
  const lines = [
    `add table ${table}`,
    `add chain ${table} ${out} { type nat hook postrouting priority ${OUT_PRIORITY} ; policy accept ; }`,
    `add chain ${table} ${into} { type filter hook input priority ${IN_PRIORITY} ; policy accept ; }`,
    `flush chain ${table} ${out}`,
    `flush chain ${table} ${into}`,
    ...flows.flatMap((flow) => rules(interfaceName, flow, purpose)),
    ...(isEmpty ? [`delete chain ${table} ${out}`] : []),
    ...(isEmpty || purpose === 'keep' ? [`delete chain ${table} ${into}`] : []),
  ];
  return `${lines.join('\n')}\n`;
}

function rules(interfaceName: string, flow: MovedFlow, purpose: FlowPurpose): string[] {
  const { remote, listenPort, port } = flow;
  const { table, out, into, ip } = names(interfaceName, remote.family);
  const match = `${ip} daddr ${remote.address} udp sport ${listenPort} udp dport ${remote.port}`;
  const comment = `comment "${formatEndpoint(remote)} by ${port} for ${listenPort}"`;
  if (purpose === 'keep') {
    return [`add rule ${table} ${out} ${match} ct status snat ${comment}`];
  }
  return [
    `add rule ${table} ${out} ${match} masquerade to :${port} ${comment}`,
    `add rule ${table} ${into} ${ip} saddr ${remote.address} udp sport ${remote.port} udp dport ${port} drop`,
  ];
}

/** What `nft -j list table` says of the table. */
export interface TableContent {
  /** The flows of the interface. */
  readonly flows: readonly MovedFlow[];
  /** Whether the interface has chains in it. */
  readonly isOwn: boolean;
  /** Whether other interfaces have. */
  readonly isShared: boolean;
}

/** Reads what `nft -j list table` printed. What cannot be read is left out. */
export function readTable(interfaceName: string, family: Family, json: string): TableContent {
  const { out, into } = names(interfaceName, family);
  const flows: MovedFlow[] = [];
  let isOwn = false;
  let isShared = false;
  for (const { chain, rule } of entries(json)) {
    const name = rule?.chain ?? chain?.name;
    const own = name === out || name === into;
    isOwn ||= own;
    isShared ||= name !== undefined && !own;
    const flow =
      name === out && rule?.comment !== undefined ? parseComment(rule.comment) : undefined;
    if (flow !== undefined && flow.remote.family === family) {
      flows.push(flow);
    }
  }
  return { flows, isOwn, isShared };
}

/** The arguments of nft that list the table of a family. */
export function listArguments(family: Family): string[] {
  return ['-j', 'list', 'table', family === 4 ? 'ip' : 'ip6', TABLE];
}

/** The transaction that deletes the table of a family. */
export function deleteScript(family: Family): string {
  return `delete table ${family === 4 ? 'ip' : 'ip6'} ${TABLE}\n`;
}

function parseComment(comment: string): MovedFlow | undefined {
  const [, remote, port, listenPort] = COMMENT.exec(comment) ?? [];
  if (remote === undefined || Number(port) > MAX_PORT || Number(listenPort) > MAX_PORT) {
    return undefined;
  }
  try {
    return { remote: parseEndpoint(remote), port: Number(port), listenPort: Number(listenPort) };
  } catch {
    return undefined;
  }
}

interface Entry {
  readonly chain?: { readonly name?: string };
  readonly rule?: { readonly chain?: string; readonly comment?: string };
}

function entries(json: string): Entry[] {
  try {
    const { nftables } = JSON.parse(json) as { nftables?: unknown };
    return Array.isArray(nftables) ? (nftables as Entry[]) : [];
  } catch {
    return [];
  }
}

/** What tells an interface's tables and chains apart: its name may hold what theirs may not. */
export function nameSuffix(interfaceName: string): string {
  return PLAIN_NAME.test(interfaceName)
    ? `-${interfaceName}`
    : `.${Buffer.from(interfaceName).toString('hex')}`;
}

/** The names of what the table has for an interface. */
function names(interfaceName: string, family: Family) {
  const suffix = nameSuffix(interfaceName);
  const ip = family === 4 ? 'ip' : 'ip6';
  return { ip, table: `${ip} ${TABLE}`, out: `out${suffix}`, into: `in${suffix}` };
}
