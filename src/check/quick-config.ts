import { readFileSync } from 'node:fs';
import type { ConfigFacts } from './facts.js';

const FOLDER = '/etc/wireguard';
const MAX_BYTES = 4 * 1024 * 1024;
/** The relevant lines; keys other than public ones never become strings. */
const LINE = /^\s*(\[peer\]|\[interface\]|saveconfig|publickey|endpoint)/i;
const LONGEST_PREFIX = 64;

/** What wg-quick's file of an interface says; undefined if there is none, or it cannot be read. */
export function readQuickConfig(interfaceName: string, folder = FOLDER): ConfigFacts | undefined {
  const file = `${folder}/${interfaceName}.conf`;
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch {
    return undefined;
  }
  try {
    return bytes.length > MAX_BYTES ? undefined : { file, ...parseQuickConfig(bytes) };
  } finally {
    bytes.fill(0);
  }
}

/** Parses the lines of wg-quick(8) that a check needs. */
export function parseQuickConfig(bytes: Buffer): Omit<ConfigFacts, 'file'> {
  const pinned = new Map<string, string>();
  let saves = false;
  let key = '';
  let endpoint = '';
  const endPeer = () => {
    if (key !== '' && endpoint !== '') {
      pinned.set(key, endpoint);
    }
    [key, endpoint] = ['', ''];
  };
  for (let at = 0; at < bytes.length; ) {
    const newline = bytes.indexOf(0x0a, at);
    const end = newline < 0 ? bytes.length : newline;
    const head = bytes.subarray(at, Math.min(end, at + LONGEST_PREFIX));
    const name = isWanted(head) ? bytes.toString('latin1', at, end).split('#')[0]?.trim() : '';
    at = end + 1;
    const [option = '', value = ''] = (name ?? '').split(/\s*=\s*(.*)/s);
    switch (option.toLowerCase()) {
      case '[peer]':
      case '[interface]':
        endPeer();
        break;
      case 'saveconfig':
        saves = value.toLowerCase() === 'true';
        break;
      case 'publickey':
        key = value;
        break;
      case 'endpoint':
        endpoint = value;
        break;
    }
  }
  endPeer();
  return { saves, pinned };
}

/** Whether a line is relevant; reads it only up to its name. */
function isWanted(head: Buffer): boolean {
  const at = head.findIndex((byte) => byte !== 0x20 && byte !== 0x09);
  return at >= 0 && LINE.test(head.toString('latin1', at, at + 11));
}
