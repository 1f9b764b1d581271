import type { Family } from '../../wire/endpoint.js';
import { isInPrefix } from '../../wire/prefix.js';
import type { Action, Chain, Hook, Match, Packet, Rule, Table } from './ruleset.js';

const HOOKS: Readonly<Record<string, Hook>> = {
  PREROUTING: 'prerouting',
  INPUT: 'input',
  OUTPUT: 'output',
  POSTROUTING: 'postrouting',
};
/** The tables whose verdicts stand. */
const TABLES = ['raw', 'mangle', 'filter', 'security'];

/** Targets by what they do to a packet; targets that are neither a chain nor listed here are skipped. */
const TARGETS: Readonly<Record<string, Action>> = {
  ACCEPT: { kind: 'accept' },
  DROP: { kind: 'drop' },
  REJECT: { kind: 'drop' },
  RETURN: { kind: 'return' },
  LOG: { kind: 'continue' },
  NFLOG: { kind: 'continue' },
  MARK: { kind: 'continue' },
  CONNMARK: { kind: 'continue' },
  CT: { kind: 'continue' },
  TCPMSS: { kind: 'continue' },
};

/** The tables of `iptables-save` or `ip6tables-save`; what is not understood might do anything. */
export function parseIptables(text: string, family: Family): Table[] {
  const tables: Table[] = [];
  let chains = new Map<string, Omit<Chain, 'rules'> & { rules: Rule[] }>();
  for (const line of text.split('\n')) {
    const [first = '', second = ''] = line.split(' ');
    if (first.startsWith('*')) {
      chains = new Map();
      if (TABLES.includes(first.slice(1))) {
        const name = `${family === 4 ? 'iptables' : 'ip6tables'} ${first.slice(1)}`;
        tables.push({ name, families: [family], chains: [] });
      }
    } else if (first.startsWith(':')) {
      const name = first.slice(1);
      chains.set(name, { name, hook: HOOKS[name], drops: second === 'DROP', rules: [] });
    } else if (first === '-A') {
      chains.get(second)?.rules.push(parseRule(line.slice(first.length + second.length + 2)));
    } else if (first === 'COMMIT' && tables.length > 0) {
      const last = tables[tables.length - 1] as Table;
      if (last.chains.length === 0) {
        tables[tables.length - 1] = { ...last, chains: [...chains.values()] };
      }
      chains = new Map();
    }
  }
  return tables;
}

function parseRule(text: string): Rule {
  const words = text.match(/"(?:[^"\\]|\\.)*"|\S+/g) ?? [];
  const matches: Match[] = [];
  let action: Rule['action'] = () => ({ kind: 'continue' });
  let negated = false;
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as string;
    const value = words[i + 1] ?? '';
    if (word === '!') {
      negated = true;
      continue;
    }
    if (word === '-j' || word === '-g') {
      const known = TARGETS[value];
      const chain = { kind: word === '-j' ? 'jump' : 'goto', chain: value } as const;
      action = () => known ?? chain;
      i++;
    } else if (word === '-m' || word === '--comment') {
      i++;
    } else if (word.startsWith('-')) {
      const match = parseMatch(word, value);
      matches.push(negated ? (packet) => negation(match(packet)) : match);
      i += takesValue(words[i + 1]) ? 1 : 0;
    }
    negated = false;
  }
  return { matches, action, text };
}

function negation(result: boolean | undefined): boolean | undefined {
  return result === undefined ? undefined : !result;
}

function takesValue(next: string | undefined): boolean {
  return next !== undefined && !next.startsWith('-') && next !== '!';
}

function parseMatch(option: string, value: string): Match {
  switch (option) {
    case '-p':
      return () => value === 'udp' || value === 'all' || value === '17';
    case '--dport':
    case '--dports':
      return ({ destinationPort }) => hasPort(value, destinationPort);
    case '--sport':
    case '--sports':
      return ({ sourcePort }) => hasPort(value, sourcePort);
    case '-s':
      return ({ source }) => hasAddress(value, source);
    case '-d':
      return ({ destination }) => hasAddress(value, destination);
    case '-i':
      return ({ inInterface }) => isNamed(value, inInterface);
    case '-o':
      return ({ outInterface }) => isNamed(value, outInterface);
    case '--ctstate':
    case '--state':
      return ({ state }: Packet) => value.split(',').includes(state.toUpperCase());
    default:
      // Options of a target change nothing about what fits, and come behind it.
      return () => (option.startsWith('--reject') || option.startsWith('--log') ? true : undefined);
  }
}

/** `51820`, `1000:2000` or a list of them. */
function hasPort(list: string, port: number | undefined): boolean | undefined {
  return port === undefined
    ? undefined
    : list.split(',').some((part) => {
        const [low = '', high = low] = part.split(':');
        return port >= Number(low || 0) && port <= Number(high || 65_535);
      });
}

function hasAddress(prefix: string, address: string | undefined): boolean | undefined {
  if (address === undefined) {
    return undefined;
  }
  try {
    const length = prefix.includes(':') ? 128 : 32;
    return isInPrefix(address, prefix.includes('/') ? prefix : `${prefix}/${length}`);
  } catch {
    return undefined;
  }
}

function isNamed(pattern: string, name: string | undefined): boolean | undefined {
  if (name === undefined) {
    return undefined;
  }
  return pattern.endsWith('+') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}
