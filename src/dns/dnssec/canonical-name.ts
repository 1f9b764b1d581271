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

/** Bytes on the wire of a name that has no escapes. */
export function nameLength(name: string): number {
  return name === '' ? 1 : name.length + 2;
}
