import type { Family } from '../../wire/endpoint.js';
import { isInPrefix } from '../../wire/prefix.js';
import type { Action, Chain, Hook, Match, Packet, Rule, Table } from './ruleset.js';

const HOOKS: readonly unknown[] = ['prerouting', 'input', 'output', 'postrouting'];
const FAMILIES: Readonly<Record<string, readonly Family[]>> = {
  ip: [4],
  ip6: [6],
  inet: [4, 6],
};

/** libnftables-json(5): an object with one member, which names it. */
type Json = Readonly<Record<string, unknown>>;

/**
 * The tables of `nft -j list ruleset`, as far as they judge UDP packets of this host. What is not understood
 * is kept as a rule that might do anything. Throws a SyntaxError or TypeError on other input.
 */
export function parseNft(text: string): Table[] {
  const { nftables } = JSON.parse(text) as { nftables: Json[] };
  const of = (kind: string) =>
    nftables.flatMap((entry) => (kind in entry ? [entry[kind] as Json] : []));
  const rules = of('rule');
  const sets = new Map(
    [...of('set'), ...of('map')].map((set) => [
      `${set['family']} ${set['table']} ${set['name']}`,
      set['elem'] as unknown[] | undefined,
    ]),
  );
  return of('table').flatMap((table): Table[] => {
    const families = FAMILIES[String(table['family'])];
    if (families === undefined) {
      return [];
    }
    const isOwn = (entry: Json) =>
      entry['family'] === table['family'] && entry['table'] === table['name'];
    const lookUp = (name: string) =>
      sets.get(`${table['family']} ${table['name']} ${name.slice(1)}`);
    const chains = of('chain')
      .filter(isOwn)
      .map((chain): Chain => {
        const own = rules.filter((rule) => isOwn(rule) && rule['chain'] === chain['name']);
        return {
          name: String(chain['name']),
          hook: hookOf(chain),
          drops: chain['policy'] === 'drop',
          rules: own.map((rule) => parseRule(rule['expr'] as Json[], lookUp)),
        };
      });
    return [{ name: `nft ${table['family']} ${table['name']}`, families, chains }];
  });
}

/** NAT chains see the first packet of a connection only, and drop nothing. */
function hookOf(chain: Json): Hook | undefined {
  const hook = chain['hook'];
  return HOOKS.includes(hook) && chain['type'] !== 'nat' ? (hook as Hook) : undefined;
}

type LookUp = (name: string) => readonly unknown[] | undefined;

function parseRule(statements: readonly Json[], lookUp: LookUp): Rule {
  const matches: Match[] = [];
  let action: Rule['action'] = () => ({ kind: 'continue' });
  const words: string[] = [];
  for (const statement of statements) {
    const [kind = '', value] = Object.entries(statement)[0] ?? [];
    switch (kind) {
      case 'match':
        matches.push(parseMatch(value as Json, lookUp));
        words.push(matchText(value as Json));
        break;
      case 'vmap':
        action = verdictMap(value as Json, lookUp);
        words.push('vmap');
        break;
      case 'accept':
      case 'drop':
      case 'return':
        action = () => ({ kind });
        words.push(kind);
        break;
      case 'reject':
        action = () => ({ kind: 'drop' });
        words.push(kind);
        break;
      case 'jump':
      case 'goto': {
        const chain = String((value as Json)['target']);
        action = () => ({ kind, chain });
        words.push(`${kind} ${chain}`);
        break;
      }
      case 'counter':
      case 'log':
      case 'mangle':
      case 'ct helper':
      case 'notrack':
        break;
      default:
        // limit, xt, queue, and what later versions have.
        matches.push(() => undefined);
        words.push(kind);
    }
  }
  return { matches, action, text: words.join(' ') };
}

/** The action that a verdict map has for a packet. */
function verdictMap({ key, data }: Json, lookUp: LookUp): Rule['action'] {
  const field = fieldOf(key);
  const pairs = elements(data, lookUp) as [unknown, Json][] | undefined;
  return (packet) => {
    if (field === undefined || pairs === undefined) {
      return undefined;
    }
    for (const [element, verdict] of pairs) {
      const result = fits(field(packet), element);
      if (result !== false) {
        return result ? verdictOf(verdict) : undefined;
      }
    }
    return { kind: 'continue' };
  };
}

function verdictOf(verdict: Json): Action | undefined {
  const [kind, value] = Object.entries(verdict)[0] ?? [];
  switch (kind) {
    case 'accept':
    case 'drop':
    case 'return':
    case 'continue':
      return { kind };
    case 'jump':
    case 'goto':
      return { kind, chain: String((value as Json)['target']) };
    default:
      return undefined;
  }
}

function parseMatch({ op, left, right }: Json, lookUp: LookUp): Match {
  const field = fieldOf(left);
  const wanted = elements(right, lookUp);
  return (packet) => {
    if (field === undefined || wanted === undefined || !['==', '!=', 'in'].includes(String(op))) {
      return undefined;
    }
    const value = field(packet);
    const results = wanted.map((element) => fits(value, element));
    const result = results.includes(true) ? true : results.includes(undefined) ? undefined : false;
    return op === '!=' && result !== undefined ? !result : result;
  };
}

/** The values that the right side stands for; undefined if it is not understood. */
function elements(right: unknown, lookUp: LookUp): readonly unknown[] | undefined {
  if (typeof right === 'string' && right.startsWith('@')) {
    return lookUp(right)?.map(unwrapped);
  }
  if (Array.isArray(right)) {
    return right;
  }
  if (typeof right === 'object' && right !== null && 'set' in right) {
    const { set } = right as { set: unknown };
    return typeof set === 'string' ? elements(set, lookUp) : (set as unknown[]).map(unwrapped);
  }
  return [right];
}

/** Elements with a timeout or a counter are wrapped. */
function unwrapped(element: unknown): unknown {
  return typeof element === 'object' && element !== null && 'elem' in element
    ? (element as { elem: Json }).elem['val']
    : element;
}

type Value = string | number | undefined;

/** What a rule looks at in a packet; undefined if it is not known here. */
function fieldOf(left: unknown): ((packet: Packet) => Value) | undefined {
  const [kind, what] = Object.entries((left ?? {}) as Json)[0] ?? [];
  const { key, protocol, field } = (what ?? {}) as Json;
  switch (`${kind} ${key ?? `${protocol} ${field}`}`) {
    case 'payload udp dport':
    case 'payload th dport':
      return ({ destinationPort }) => destinationPort;
    case 'payload udp sport':
    case 'payload th sport':
      return ({ sourcePort }) => sourcePort;
    case 'payload tcp dport':
    case 'payload tcp sport':
    case 'payload icmp type':
    case 'payload icmpv6 type':
      // nft makes the protocol a condition of these: a UDP packet fits none.
      return () => 'another protocol';
    case 'payload ip saddr':
      return (packet) => addressOf(packet, 4, packet.source);
    case 'payload ip6 saddr':
      return (packet) => addressOf(packet, 6, packet.source);
    case 'payload ip daddr':
      return (packet) => addressOf(packet, 4, packet.destination);
    case 'payload ip6 daddr':
      return (packet) => addressOf(packet, 6, packet.destination);
    case 'payload ip protocol':
    case 'payload ip6 nexthdr':
    case 'meta l4proto':
      return () => 'udp';
    case 'meta nfproto':
      return ({ family }) => (family === 4 ? 'ipv4' : 'ipv6');
    case 'meta iif':
    case 'meta iifname':
      return ({ inInterface }) => inInterface;
    case 'meta oif':
    case 'meta oifname':
      return ({ outInterface }) => outInterface;
    case 'meta mark':
      return ({ mark }) => mark;
    case 'ct state':
      return ({ state }) => state;
    default:
      return undefined;
  }
}

/** `none` for a packet of the other family, which no address fits. */
function addressOf({ family }: Packet, wanted: Family, address: string | undefined): Value {
  return family === wanted ? address : 'none';
}

/** Whether a value is an element of a set. */
function fits(value: Value, element: unknown): boolean | undefined {
  if (value === undefined) {
    return undefined;
  }
  if (typeof element === 'string' || typeof element === 'number') {
    if (typeof element === 'string' && element.endsWith('*')) {
      return String(value).startsWith(element.slice(0, -1));
    }
    return element === value || (element === 17 && value === 'udp');
  }
  if (typeof element !== 'object' || element === null) {
    return undefined;
  }
  if ('range' in element) {
    const [low, high] = element.range as [unknown, unknown];
    if (typeof low === 'number' && typeof high === 'number') {
      return typeof value === 'number' && value >= low && value <= high;
    }
    return value === 'none' ? false : undefined;
  }
  if ('prefix' in element) {
    const { addr, len } = element.prefix as { addr: string; len: number };
    return value === 'none' ? false : isInPrefix(String(value), `${addr}/${len}`);
  }
  return undefined;
}

function matchText({ op, left, right }: Json): string {
  const [kind, what] = Object.entries((left ?? {}) as Json)[0] ?? [];
  const { key, protocol, field } = (what ?? {}) as Json;
  const name = kind === 'payload' ? `${protocol} ${field}` : kind === 'ct' ? `ct ${key}` : key;
  const value = typeof right === 'object' ? JSON.stringify(right) : String(right);
  return [name, ...(op === '!=' ? ['!='] : []), value].join(' ');
}
