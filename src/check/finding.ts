/** `problem`: something to do. `unknown`: could not be found out in time. `note`: nothing to do. */
export type Mark = 'ok' | 'note' | 'problem' | 'unknown';

/** What a line of a check is about; docs/troubleshooting.md has each. */
export const ITEMS = [
  'interface',
  'peers',
  'server',
  'route',
  'server-address',
  'mapping',
  'nat',
  'port-mapping',
  'firewall',
  'rp-filter',
  'client',
  'save-config',
  'peer',
] as const;

export type Item = (typeof ITEMS)[number];

/** One line of a check. */
export interface Finding {
  readonly item: Item;
  readonly mark: Mark;
  /** What was seen. */
  readonly seen: string;
  /** What to do. */
  readonly advice?: string;
}

export function ok(item: Item, seen: string): Finding {
  return { item, mark: 'ok', seen };
}

export function note(item: Item, seen: string): Finding {
  return { item, mark: 'note', seen };
}

export function problem(item: Item, seen: string, advice: string): Finding {
  return { item, mark: 'problem', seen, advice };
}

export function unknown(item: Item, seen: string): Finding {
  return { item, mark: 'unknown', seen };
}
