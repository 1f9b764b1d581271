import type { Command, Option } from 'commander';
import { UsageError } from './exit-code.js';
import { type IniEntry, IniError, type IniSection } from './ini.js';

/** Options that are about one run, and so are no settings. */
const NO_SETTINGS = new Set(['config', 'once', 'peersOnly', 'timeout', 'background']);

const YES = /^(yes|true|on|1)$/i;
const NO = /^(no|false|off|0)$/i;

/** A setting that is no option of the command line, such as the server, which is an argument there. */
export interface ExtraSetting {
  /** Where `Command.opts()` has it. */
  readonly attribute: string;
  readonly parse: (text: string, before: unknown) => unknown;
}

export type ExtraSettings = Readonly<Record<string, ExtraSetting>>;

/** A setting with its value, by the name of the option. */
export type Values = ReadonlyMap<string, unknown>;

/** `--max-peers` is `MaxPeers` in a file, and `--no-replace` is `NoReplace`. */
function settingName({ long }: Option): string {
  const words = (long ?? '').replace(/^--/, '').split('-');
  return words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
}

/**
 * The values of a command's sections: each option of the command is a key, and the option's own parser reads
 * it. Throws an IniError that names the line.
 */
export function settingValues(
  command: Command,
  extras: ExtraSettings,
  sections: readonly IniSection[],
): Values {
  const options = command.options.filter((option) => !NO_SETTINGS.has(option.attributeName()));
  const names = [...Object.keys(extras), ...options.map(settingName)];
  const values = new Map<string, unknown>();
  for (const { name: section, entries } of sections) {
    for (const entry of entries) {
      const name = names.find((it) => it.toLowerCase() === entry.key.toLowerCase());
      const option = options.find((it) => settingName(it) === name);
      const extra = name === undefined ? undefined : extras[name];
      const attribute = extra?.attribute ?? option?.attributeName();
      if (attribute === undefined) {
        const known = names.join(', ');
        throw new IniError(entry.line, `[${section}] has no key ${entry.key}: known are ${known}`);
      }
      const before = values.get(attribute);
      const value = parse(entry, before, extra?.parse ?? ((text, old) => read(option!, text, old)));
      if (before !== undefined && !Array.isArray(value)) {
        throw new IniError(entry.line, `${entry.key} is given twice: leave one out`);
      }
      values.set(attribute, value);
    }
  }
  return values;
}

/** Gives a command the values from its file; what stands on the command line or in the environment wins. */
export function applyValues(command: Command, values: Values): void {
  const given = command.options.filter((option) => {
    const source = command.getOptionValueSource(option.attributeName());
    return source === 'cli' || source === 'env';
  });
  for (const [attribute, value] of values) {
    const isOverruled = given.some((option) => {
      return option.attributeName() === attribute || excludes(command, option, attribute);
    });
    if (!isOverruled && value !== undefined) {
      command.setOptionValueWithSource(attribute, value, 'config');
    }
  }
}

/** Throws a UsageError if a required option is neither on the command line nor in the file. */
export function expectOptions(command: Command, needed: readonly string[]): void {
  for (const option of command.options) {
    const name = option.attributeName();
    if (needed.includes(name) && command.getOptionValue(name) === undefined) {
      throw new UsageError(`required option '${option.flags}' not specified`);
    }
  }
}

/** Throws if two options of the file cannot be used together. */
export function expectCompatible(command: Command, values: Values, line: number): void {
  const set = command.options.filter((it) => values.get(it.attributeName()) !== undefined);
  for (const option of set) {
    const other = set.find((it) => excludes(command, option, it.attributeName()));
    if (other !== undefined) {
      const names = `${settingName(option)} and ${settingName(other)}`;
      throw new IniError(line, `${names} cannot be used together: leave one out`);
    }
  }
}

/** Whether two options cannot be used together; either of them may declare it. */
function excludes(command: Command, option: Option, attribute: string): boolean {
  const conflicts = (one: Option) => (one as unknown as { conflictsWith: string[] }).conflictsWith;
  const other = command.options.find((it) => it.attributeName() === attribute);
  return (
    conflicts(option).includes(attribute) ||
    (other !== undefined && conflicts(other).includes(option.attributeName()))
  );
}

function parse(
  { key, value, line }: IniEntry,
  before: unknown,
  parser: (text: string, before: unknown) => unknown,
): unknown {
  try {
    return parser(value, before);
  } catch (error) {
    throw new IniError(line, `${key} = ${value}: ${(error as Error).message.replace(/\.$/, '')}`);
  }
}

function read(option: Option, text: string, before: unknown): unknown {
  if (option.isBoolean() || option.negate) {
    const isOn = YES.test(text);
    if (!isOn && !NO.test(text)) {
      throw new Error('expected yes or no');
    }
    return isOn ? !option.negate : undefined;
  }
  if (text === '' && option.required) {
    throw new Error('a value is missing');
  }
  return option.parseArg === undefined ? text : option.parseArg(text, before);
}
