import type { Endpoint, Family } from '../../wire/endpoint.js';
import { formatEndpoint, parseEndpoint } from '../../wire/endpoint.js';

/*
 * The nft table `wg-rendezvous`, one in each family. Each interface has two chains of its own in it:
 *
 *   out-wg0: WireGuard's packets to a peer leave by the port of the socket that got through
 *   in-wg0:  the peer's packets to that port reach only the translated flow. Without it, a packet that
 *            arrives while there is no flow makes an entry of its own, which then blocks the flow.
 *   users:   empty; out-wg0 refers to it. The kernel deletes no chain that another one refers to, so the client
 *            whose flows were the last deletes this chain and with it the table, and fails for any other.
 *
 * A translation that a stopped client leaves behind is a rule that matches the flow and does nothing. It
 * keeps the kernel tracking and translating it, which both end with the last rule that needs them.
 */

export const TABLE = 'wg-rendezvous';
const USERS = 'users';

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
    ...(isEmpty ? [] : [`add chain ${table} ${USERS}`, `add rule ${table} ${out} jump ${USERS}`]),
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
  /** Whether other interfaces, or the user, have anything in it. */
  readonly isShared: boolean;
}

/** Reads what `nft -j list table` printed. What cannot be read is left out. */
export function readTable(interfaceName: string, family: Family, json: string): TableContent {
  const { out, into } = names(interfaceName, family);
  const flows: MovedFlow[] = [];
  let isOwn = false;
  let isShared = false;
  for (const entry of entries(json)) {
    const { rule } = entry;
    const name = rule?.chain ?? objectName(entry);
    const own = name === out || name === into;
    isOwn ||= own;
    isShared ||= name !== undefined && !own && name !== USERS;
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

/** The transaction that deletes the table of a family. It fails while an interface has flows in it. */
export function deleteScript(family: Family): string {
  const table = `${family === 4 ? 'ip' : 'ip6'} ${TABLE}`;
  // An older version made no such chain.
  return `add chain ${table} ${USERS}\ndelete chain ${table} ${USERS}\ndelete table ${table}\n`;
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

/** An object of the table by its kind, such as chain, rule or set. */
type Entry = Readonly<
  Record<string, { readonly name?: string; readonly chain?: string; readonly comment?: string }>
>;

/** The name of a chain, a set or another object in the table. */
function objectName({ metainfo, table, rule, ...object }: Entry): string | undefined {
  return Object.values(object)[0]?.name;
}

function entries(json: string): Entry[] {
  try {
    const { nftables } = JSON.parse(json) as { nftables?: unknown };
    return Array.isArray(nftables) ? (nftables as Entry[]) : [];
  } catch {
    return [];
  }
}

/** The end of the names of an interface's tables and chains, without characters that nft does not take. */
export function nameSuffix(interfaceName: string): string {
  return PLAIN_NAME.test(interfaceName)
    ? `-${interfaceName}`
    : `.${Buffer.from(interfaceName).toString('hex')}`;
}

/** The names of a family's table, and of an interface's chains in it. */
function names(interfaceName: string, family: Family) {
  const suffix = nameSuffix(interfaceName);
  const ip = family === 4 ? 'ip' : 'ip6';
  return { ip, table: `${ip} ${TABLE}`, out: `out${suffix}`, into: `in${suffix}` };
}
