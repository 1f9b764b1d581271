/** A line `Key = Value`. */
export interface IniEntry {
  readonly key: string;
  readonly value: string;
  /** From 1. */
  readonly line: number;
}

/** A section, with its lines in the order of the file. */
export interface IniSection {
  readonly name: string;
  readonly line: number;
  readonly entries: readonly IniEntry[];
}

/** A line that cannot be read, or be used. */
export class IniError extends Error {
  override readonly name = 'IniError';

  constructor(line: number, what: string) {
    super(`line ${line}: ${what}`);
  }
}

/**
 * Parses an INI as wg-quick's: `[Section]`, `Key = Value`, and text after a # is a comment. A section may
 * stand several times. Throws an IniError.
 */
export function parseIni(text: string): IniSection[] {
  const sections: (IniSection & { readonly entries: IniEntry[] })[] = [];
  for (const [index, raw] of text.split('\n').entries()) {
    const line = index + 1;
    const content = raw.replace(/#.*/s, '').trim();
    const name = /^\[\s*(.*?)\s*\]$/s.exec(content)?.[1];
    if (content === '') {
      continue;
    }
    if (name !== undefined) {
      sections.push({ name, line, entries: [] });
      continue;
    }
    const [, key, value] = /^([A-Za-z0-9]+)\s*=\s*(.*)$/s.exec(content) ?? [];
    if (key === undefined || value === undefined) {
      throw new IniError(line, 'expected [Section] or Key = Value');
    }
    const section = sections.at(-1);
    if (section === undefined) {
      throw new IniError(line, `${key} stands before any [Section]`);
    }
    section.entries.push({ key, value, line });
  }
  return sections;
}
