import type { Argument, Command, Option } from 'commander';

/** A command that people run, with its place among the others. */
export interface Entry {
  readonly command: Command;
  /** The words that are typed: `dns server`. */
  readonly path: readonly string[];
}

/** The commands below a program that do something themselves, without hidden ones. */
export function entriesOf(program: Command, path: readonly string[] = []): Entry[] {
  return visibleCommands(program).flatMap((command) => {
    const own = [...path, command.name()];
    return command.commands.length > 0 ? entriesOf(command, own) : [{ command, path: own }];
  });
}

/** The commands that the help shows, without `help` itself. */
export function visibleCommands(command: Command): Command[] {
  return command
    .createHelp()
    .visibleCommands(command)
    .filter((one) => one.name() !== 'help');
}

/** The options that the help shows. */
export function optionsOf(command: Command): Option[] {
  return command.createHelp().visibleOptions(command);
}

/** What stands for a value: `file` of `--key <file>`; undefined if the option has none. */
export function valueName({ flags }: Option): string | undefined {
  return /[<[]([^>\]]+(?:\[[^\]]*\][^>\]]*)*)[>\]]\]*$/.exec(flags)?.[1];
}

/** An argument as it is written in a synopsis. */
export function argumentText(argument: Argument): string {
  const name = argument.name().toUpperCase() + (argument.variadic ? '...' : '');
  return argument.required ? name : `[${name}]`;
}

/** What a value is, for a shell that completes it. */
export type ValueKind = 'interface' | 'file' | 'choice' | 'other';

/** By the name of the value: the definitions say `<file>`, `<interface>`, `<path>`. */
export function kindOf(name: string, choices: readonly string[] | undefined): ValueKind {
  if (choices !== undefined) {
    return 'choice';
  }
  if (/^(file|path)$/.test(name)) {
    return 'file';
  }
  return /^interface$/.test(name) ? 'interface' : 'other';
}

/** The kind of an option's value; undefined if it has none. */
export function optionKind(option: Option): ValueKind | undefined {
  const value = valueName(option);
  if (value === undefined) {
    return undefined;
  }
  return option.long === '--interface' ? 'interface' : kindOf(value, option.argChoices);
}
