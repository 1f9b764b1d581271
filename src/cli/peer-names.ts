import { formatPublicKey, parsePublicKey } from '../wire/key.js';
import { IniError, type IniSection } from './ini.js';

/** The names of peers by their base64 keys. */
export type PeerNames = ReadonlyMap<string, string>;

/** Printable, and short enough for a column of a table. */
const NAME = /^[\p{L}\p{N}\p{P}\p{S} ]{1,40}$/u;

const KEYS = ['PublicKey', 'Name'] as const;

/** Reads `[Peer]` sections: a `PublicKey` and a `Name` each. Throws an IniError. */
export function peerNames(sections: readonly IniSection[]): PeerNames {
  const names = new Map<string, string>();
  for (const section of sections) {
    const { publicKey, name } = readPeer(section);
    if (names.has(publicKey)) {
      throw new IniError(section.line, 'this peer has a name already: leave one [Peer] out');
    }
    if ([...names.values()].includes(name)) {
      throw new IniError(section.line, `another peer has the name ${name}: give each its own`);
    }
    names.set(publicKey, name);
  }
  return names;
}

function readPeer({ line: start, entries }: IniSection): { publicKey: string; name: string } {
  const found: Partial<Record<(typeof KEYS)[number], string>> = {};
  for (const { key, value, line } of entries) {
    const known = KEYS.find((it) => it.toLowerCase() === key.toLowerCase());
    if (known === undefined) {
      throw new IniError(line, `[Peer] has no key ${key}: known are ${KEYS.join(', ')}`);
    }
    if (found[known] !== undefined) {
      throw new IniError(line, `${known} is given twice: leave one out`);
    }
    found[known] = known === 'Name' ? checkedName(value, line) : checkedKey(value, line);
  }
  const { PublicKey: publicKey, Name: name } = found;
  if (publicKey === undefined || name === undefined) {
    throw new IniError(start, 'a [Peer] has a PublicKey and a Name');
  }
  return { publicKey, name };
}

function checkedName(name: string, line: number): string {
  if (!NAME.test(name)) {
    throw new IniError(line, 'a name has 1 to 40 printable characters');
  }
  return name;
}

function checkedKey(text: string, line: number): string {
  try {
    return formatPublicKey(parsePublicKey(text));
  } catch (error) {
    throw new IniError(line, `PublicKey: ${(error as Error).message}`);
  }
}
