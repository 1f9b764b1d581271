import { FAMILIES } from '../wire/endpoint.js';
import { run } from './command.js';
import { until } from './deadline.js';
import { startDelayLines } from './delay-lines.js';
import { Namespace } from './namespace.js';
import { gatewayRuleset } from './nat-rules.js';
import {
  INTERNET,
  INTERNET_BRIDGE,
  isPublic,
  isRouter,
  LAN,
  LINES,
  lineInterfaces,
  type NodePlan,
  routesOf,
} from './topology.js';

/** Connects existing namespaces with cables, and sets up their addresses, routes and NAT. */
export async function buildNetwork(
  plans: readonly NodePlan[],
  namespaceOf: (node: string) => string,
): Promise<void> {
  const node = (name: string): Namespace => new Namespace(namespaceOf(name));
  const everybody = [INTERNET, ...plans.map(({ name }) => name)].map(node);
  // Before the interfaces exist: they copy these settings when they are created.
  await Promise.all(everybody.map((namespace) => namespace.sysctl(SETTINGS)));
  const distant = plans.filter(({ line }) => line !== undefined);
  if (distant.length > 0) {
    await node(LINES).sysctl(SILENT);
  }
  const bridges = plans.filter(({ kind }) => kind !== undefined);
  const links = [
    addBridge(namespaceOf(INTERNET), INTERNET_BRIDGE),
    ...bridges.map(({ name }) => addBridge(namespaceOf(name), LAN)),
    ...plans.flatMap((plan) => cables(plan, namespaceOf)),
  ];
  await run('ip', ['-batch', '-'], { input: `${links.join('\n')}\n` });
  await Promise.all([
    node(INTERNET).ip([`link set ${INTERNET_BRIDGE} up`, ...portsOf(INTERNET, plans)]),
    ...plans.map((plan) => setUp(node(plan.name), plan, plans)),
    ...(distant.length > 0 ? [setUpLines(node(LINES), distant)] : []),
  ]);
  await Promise.all([INTERNET, ...bridges.map(({ name }) => name)].map((it) => forwards(node(it))));
}

/**
 * Waits until all ports of a bridge forward. The kernel tells the bridge of a port whose cable was completed last
 * as late as a second after it; an ARP request of that second is lost, and repeated after another one.
 */
async function forwards(bridge: Namespace): Promise<void> {
  await until(`the ports of a bridge to forward`, async () => {
    const ports = JSON.parse(await bridge.exec('bridge', ['-j', 'link'])) as { state?: string }[];
    return ports.every(({ state }) => state === 'forwarding');
  });
}

/** The cable of a node; if it has a delay line, the two cables on both sides of it. */
function cables(
  { name, device, upstream, line }: NodePlan,
  namespaceOf: (node: string) => string,
): string[] {
  const cable = (a: string, aNode: string, b: string, bNode: string): string =>
    `link add name ${a} netns ${namespaceOf(aNode)} type veth ` +
    `peer name ${b} netns ${namespaceOf(bNode)}`;
  if (line === undefined) {
    return [cable(name, upstream, device, name)];
  }
  const { inside, outside } = lineInterfaces(name);
  return [cable(name, upstream, outside, LINES), cable(inside, LINES, device, name)];
}

async function setUpLines(lines: Namespace, distant: readonly NodePlan[]): Promise<void> {
  const interfaces = distant.flatMap(({ name }) => Object.values(lineInterfaces(name)));
  await lines.ip(interfaces.map((name) => `link set ${name} up`));
  await startDelayLines(lines, distant);
}

const SETTINGS = {
  // Addresses are usable at once, not after a second of duplicate address detection.
  'net.ipv6.conf.all.accept_dad': 0,
  'net.ipv6.conf.default.accept_dad': 0,
  'net.ipv4.conf.all.rp_filter': 0,
  'net.ipv4.conf.default.rp_filter': 0,
  // The IP rules of a namespace do not apply to packets that only cross its bridge.
  'net.bridge.bridge-nf-call-iptables': 0,
  'net.bridge.bridge-nf-call-ip6tables': 0,
};

/**
 * A router of the internet stands between nodes that are on one link as far as they know: it answers for
 * those on its other side, at once.
 */
const PROXY = Object.fromEntries(
  ['wan', LAN].flatMap((device) => [
    [`net.ipv4.conf.${device}.proxy_arp`, 1],
    [`net.ipv4.neigh.${device}.proxy_delay`, 0],
  ]),
);

/** Keeps the kernel from sending packets of its own in a namespace that only forwards. */
const SILENT = {
  'net.ipv6.conf.all.disable_ipv6': 1,
  'net.ipv6.conf.default.disable_ipv6': 1,
};

function addBridge(namespace: string, name: string): string {
  // Multicast snooping without a querier would drop neighbour discovery.
  return `link add name ${name} netns ${namespace} type bridge mcast_snooping 0`;
}

function portsOf(name: string, plans: readonly NodePlan[]): string[] {
  const bridge = name === INTERNET ? INTERNET_BRIDGE : LAN;
  return plans
    .filter(({ upstream }) => upstream === name)
    .map((port) => `link set dev ${port.name} master ${bridge} up`);
}

async function setUp(
  namespace: Namespace,
  plan: NodePlan,
  plans: readonly NodePlan[],
): Promise<void> {
  const { name, device, addresses, gateway, lan, kind, serves = [] } = plan;
  const onInternet = isPublic(plan);
  const [length4, length6] = onInternet ? [32, 128] : [24, 64];
  const lines = [
    'link set lo up',
    `link set ${device} up`,
    ...addresses[4].map((address) => `address add ${address}/${length4} dev ${device}`),
    ...addresses[6].map((address) => `address add ${address}/${length6} dev ${device} nodad`),
  ];
  if (lan !== undefined) {
    lines.push(
      ...portsOf(name, plans),
      `link set ${LAN} up`,
      ...lan[4].map((address) => `address add ${address}/24 dev ${LAN}`),
      ...lan[6].map((address) => `address add ${address}/64 dev ${LAN} nodad`),
    );
  }
  // The internet is one link, and only the default route leads to it. So a full tunnel, which overrides
  // only default routes, also works on a public host.
  for (const family of FAMILIES) {
    const via = onInternet ? '' : `via ${gateway[family][0]}`;
    if (addresses[family].length > 0) {
      const everything = family === 4 ? '0.0.0.0/0' : '::/0';
      lines.push(`route add ${everything} ${via} dev ${device}`);
    }
  }
  lines.push(...serves.map((address) => `route add ${address}/32 dev ${LAN}`));
  for (const { prefix, via, device } of routesOf(plan, plans)) {
    // `onlink`: on the internet, hosts share no subnet.
    lines.push(`route add ${prefix} via ${via} dev ${device} onlink`);
  }
  await namespace.ip(lines);
  if (kind !== undefined) {
    await namespace.sysctl({ 'net.ipv4.ip_forward': 1, 'net.ipv6.conf.all.forwarding': 1 });
    if (isRouter(plan)) {
      await namespace.sysctl(PROXY);
    }
    await namespace.nft(gatewayRuleset(kind));
  }
}
