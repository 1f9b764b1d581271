import type { Family } from '../../wire/endpoint.js';

/** Where a packet is on its way through the kernel. */
export type Hook = 'prerouting' | 'input' | 'output' | 'postrouting';

/** A UDP packet as rules see it; what is undefined is not known. */
export interface Packet {
  readonly family: Family;
  readonly sourcePort: number | undefined;
  readonly destinationPort: number | undefined;
  readonly source: string | undefined;
  readonly destination: string | undefined;
  readonly inInterface: string | undefined;
  readonly outInterface: string | undefined;
  readonly mark: number;
  readonly state: 'new' | 'established';
}

/** Whether a packet fits; undefined if that is unknown. */
export type Match = (packet: Packet) => boolean | undefined;

export type Action =
  | { readonly kind: 'accept' | 'drop' | 'return' | 'continue' }
  | { readonly kind: 'jump' | 'goto'; readonly chain: string };

export interface Rule {
  readonly matches: readonly Match[];
  /** By the packet, as a verdict map chooses; undefined if that is unknown. */
  readonly action: (packet: Packet) => Action | undefined;
  /** The rule in words, for people. */
  readonly text: string;
}

export interface Chain {
  readonly name: string;
  /** The hook of a base chain; undefined for a chain that is only jumped to. */
  readonly hook: Hook | undefined;
  readonly drops: boolean;
  readonly rules: readonly Rule[];
}

/** The chains of one table. */
export interface Table {
  readonly name: string;
  readonly families: readonly Family[];
  readonly chains: readonly Chain[];
}

/** A rule, or the policy of a chain, that drops a packet. */
export interface FirewallDrop {
  /** What it drops, such as `answers of the server`. */
  readonly what: string;
  readonly direction: 'in' | 'out';
  /** `nft inet filter input: udp dport 51820 drop`. */
  readonly rule: string;
}

/** Jumps deeper than the kernel's own limit of 16 end nowhere. */
const MAX_DEPTH = 16;

type Outcome =
  | { readonly end: 'accept' }
  | { readonly end: 'drop'; readonly rule: string }
  | { readonly end: 'return' };

/**
 * The rule that surely drops a packet at some hook; undefined if none does. A rule that cannot be
 * understood is skipped, and if it might have accepted the packet, no later rule counts.
 */
export function findDrop(
  tables: readonly Table[],
  hooks: readonly Hook[],
  packet: Packet,
): string | undefined {
  for (const table of tables.filter(({ families }) => families.includes(packet.family))) {
    for (const chain of table.chains) {
      if (chain.hook === undefined || !hooks.includes(chain.hook)) {
        continue;
      }
      const walk = new Walk(table, packet);
      const outcome = walk.chain(chain, 0);
      if (walk.isUnsure || outcome.end === 'accept') {
        continue;
      }
      if (outcome.end === 'drop') {
        return outcome.rule;
      }
      if (chain.drops) {
        return `${table.name} ${chain.name}: policy drop`;
      }
    }
  }
  return undefined;
}

/** One packet on its way through one base chain. */
class Walk {
  readonly #table: Table;
  readonly #packet: Packet;
  /** A rule that might have accepted the packet was skipped. */
  isUnsure = false;

  constructor(table: Table, packet: Packet) {
    this.#table = table;
    this.#packet = packet;
  }

  chain(chain: Chain, depth: number): Outcome {
    for (const rule of depth > MAX_DEPTH ? [] : chain.rules) {
      const outcome = this.#rule(rule, chain, depth);
      if (outcome !== undefined) {
        return outcome;
      }
    }
    return { end: 'return' };
  }

  /** How the rule ends the chain; undefined if the next rule is looked at. */
  #rule(rule: Rule, chain: Chain, depth: number): Outcome | undefined {
    const results = rule.matches.map((match) => match(this.#packet));
    if (results.includes(false)) {
      return undefined;
    }
    const action = rule.action(this.#packet);
    if (results.includes(undefined) || action === undefined) {
      this.isUnsure ||= action === undefined || mayAccept(action);
      return undefined;
    }
    switch (action.kind) {
      case 'accept':
      case 'return':
        return { end: action.kind };
      case 'drop':
        return { end: 'drop', rule: `${this.#table.name} ${chain.name}: ${rule.text}` };
      case 'continue':
        return undefined;
      case 'jump':
      case 'goto': {
        const target = this.#table.chains.find(({ name }) => name === action.chain);
        this.isUnsure ||= target === undefined;
        const outcome = target && this.chain(target, depth + 1);
        if (outcome !== undefined && outcome.end !== 'return') {
          return outcome;
        }
        return action.kind === 'goto' ? { end: 'return' } : undefined;
      }
    }
  }
}

function mayAccept({ kind }: Action): boolean {
  return kind !== 'drop' && kind !== 'continue';
}
