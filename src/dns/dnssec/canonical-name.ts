/*
 * Names as dns-packet has them: labels joined by dots; '' or '.' is the root.
 */

/** Bytes of a name on the wire at most (RFC 1035 section 3.1). */
export const MAX_NAME_LENGTH = 255;

/** The canonical form of a name (RFC 4034 section 6.2): ASCII letters in lower case; no dot at the end. */
export function canonicalName(name: string): string {
  const bare = name.endsWith('.') ? name.slice(0, -1) : name;
  return bare.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** The labels of a name without a dot at the end, the leftmost first; none for the root. */
export function labelsOf(name: string): string[] {
  return name === '' ? [] : name.split('.');
}

/** The name of a label below a name. */
export function childOf(parent: string, label: string): string {
  return parent === '' ? label : `${label}.${parent}`;
}

/** Bytes of a name on the wire, as dns-packet encodes it. */
export function nameLength(name: string): number {
  return labelsOf(name).reduce((sum, label) => sum + Buffer.byteLength(label) + 1, 1);
}
