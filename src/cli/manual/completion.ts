import type { Command, Option } from 'commander';
import {
  type Entry,
  entriesOf,
  kindOf,
  optionKind,
  optionsOf,
  valueName,
  visibleCommands,
} from './syntax.js';

const PROGRAM = 'wg-rendezvous';

/** A completion of one shell. */
export interface Completion {
  readonly shell: 'bash' | 'zsh' | 'fish';
  /** The name under which the shell looks for it. */
  readonly file: string;
  readonly text: string;
}

/** Completions of commands, options and values, from the definitions of the commands. Pure. */
export function completions(program: Command): Completion[] {
  return [
    { shell: 'bash', file: PROGRAM, text: bash(program) },
    { shell: 'zsh', file: `_${PROGRAM}`, text: zsh(program) },
    { shell: 'fish', file: `${PROGRAM}.fish`, text: fish(program) },
  ];
}

const INTERFACES = 'wg show interfaces 2>/dev/null';

/** The groups of commands by the words before them: `` and `dns`. */
function groupsOf(program: Command): [words: string, commands: Command[]][] {
  const groups = visibleCommands(program).filter(({ commands }) => commands.length > 0);
  return [
    ['', visibleCommands(program)],
    ...groups.map((group): [string, Command[]] => [group.name(), visibleCommands(group)]),
  ];
}

function flagsOf({ short, long }: Option): string[] {
  return [short, long].flatMap((flag) => flag ?? []);
}

/** What the first argument of a command is. */
function firstArgument({ command }: Entry) {
  const [first] = command.registeredArguments;
  return first && kindOf(first.name(), first.argChoices);
}

function bash(program: Command): string {
  const entries = entriesOf(program);
  const values = entries.flatMap(({ command, path }) =>
    optionsOf(command).flatMap((option) => {
      const kind = optionKind(option);
      const generator =
        kind === 'choice'
          ? `compgen -W '${option.argChoices?.join(' ')}' -- "$word"`
          : kind === 'file'
            ? 'compgen -f -- "$word"'
            : kind === 'interface'
              ? `compgen -W "$(${INTERFACES})" -- "$word"`
              : ':';
      return kind === undefined
        ? []
        : [`    '${path.join(' ')} ${option.long}') ${generator}; return ;;`];
    }),
  );
  const words = [
    ...groupsOf(program).map(
      ([group, commands]) =>
        `    '${group}') compgen -W '${[...commands.map((one) => one.name()), '--help', ...(group === '' ? ['--version'] : [])].join(' ')}' -- "$word" ;;`,
    ),
    ...entries.map((entry) => {
      const options = optionsOf(entry.command).flatMap(flagsOf).join(' ');
      const interfaces = firstArgument(entry) === 'interface' ? ` $(${INTERFACES})` : '';
      return `    '${entry.path.join(' ')}') compgen -W "${options}${interfaces}" -- "$word" ;;`;
    }),
  ];
  const groups = groupsOf(program)
    .map(([group]) => group)
    .filter(Boolean)
    .join('|');
  return `# bash completion of ${PROGRAM}; made from the definitions of its commands.
_wg_rendezvous_words() {
  local word=$1 previous=$2 command=$3
  case "$command $previous" in
${values.join('\n')}
  esac
  case $command in
${words.join('\n')}
  esac
}

_wg_rendezvous() {
  local word=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD - 1]} command=\${COMP_WORDS[1]}
  [[ $COMP_CWORD -gt 1 ]] || command=
  case $command in
    ${groups || '-'}) [[ $COMP_CWORD -le 2 ]] || command+=" \${COMP_WORDS[2]}" ;;
  esac
  mapfile -t COMPREPLY < <(_wg_rendezvous_words "$word" "$previous" "$command")
}

complete -o filenames -F _wg_rendezvous ${PROGRAM}
`;
}

function zsh(program: Command): string {
  const groups = groupsOf(program).map(([group, commands]) => {
    const lines = commands.map((one) => `    '${one.name()}:${zshText(one.description())}'`);
    return `_wg_rendezvous_${group || 'commands'}() {
  local -a commands=(
${lines.join('\n')}
  )
  _describe command commands
}`;
  });
  const entries = entriesOf(program);
  const cases = entries.map(({ command, path }) => {
    const options = optionsOf(command).map((option) => `      ${zshOption(option)}`);
    const args = command.registeredArguments.map((argument, i) => {
      const place = argument.variadic ? '*' : String(i + 1);
      return `      '${place}:${zshText(argument.name())}:${zshAction(kindOf(argument.name(), argument.argChoices), argument.argChoices)}'`;
    });
    return `    '${path.join(' ')}')
      _arguments -s \\
${[...options, ...args].join(' \\\n')} ;;`;
  });
  const nested = groupsOf(program)
    .map(([group]) => group)
    .filter(Boolean);
  return `#compdef ${PROGRAM}
# zsh completion of ${PROGRAM}; made from the definitions of its commands.

_wg_rendezvous_interfaces() {
  local -a interfaces=(\${(f)"$(${INTERFACES} | tr ' ' '\\n')"})
  _describe interface interfaces
}

${groups.join('\n\n')}

_wg_rendezvous() {
  if (( CURRENT == 2 )); then
    _wg_rendezvous_commands
    return
  fi
  local command=$words[2]
  integer skipped=1
  case $command in
    ${nested.join('|') || '-'})
      if (( CURRENT == 3 )); then
        _wg_rendezvous_$command
        return
      fi
      command+=" $words[3]"
      skipped=2 ;;
  esac
  # _arguments counts from the command on.
  shift $skipped words
  (( CURRENT -= skipped ))
  case $command in
${cases.join('\n')}
  esac
}

_wg_rendezvous "$@"
`;
}

function zshOption(option: Option): string {
  const value = valueName(option);
  const what = zshText(option.description);
  const argument =
    value === undefined
      ? ''
      : `:${zshText(value)}:${zshAction(optionKind(option) ?? 'other', option.argChoices)}`;
  return flagsOf(option)
    .map((flag) => `'*${flag}[${what}]${argument}'`)
    .join(' ');
}

function zshAction(
  kind: ReturnType<typeof kindOf>,
  choices: readonly string[] | undefined,
): string {
  switch (kind) {
    case 'choice':
      return `(${choices?.join(' ')})`;
    case 'file':
      return '_files';
    case 'interface':
      return '_wg_rendezvous_interfaces';
    case 'other':
      return ' ';
  }
}

/** Text inside single quotes, without what _arguments takes for its own. */
function zshText(text: string): string {
  return text.replace(/'/g, "'\\''").replace(/[:[\]]/g, '\\$&');
}

function fish(program: Command): string {
  const lines = groupsOf(program).flatMap(([group, commands]) =>
    commands.map(
      (one) =>
        `complete -c ${PROGRAM} -n '__wg_rendezvous_at "${group}"' -f -a ${one.name()} -d ${fishText(one.description())}`,
    ),
  );
  const options = entriesOf(program).flatMap((entry) => {
    const at = `-n '__wg_rendezvous_in "${entry.path.join(' ')}"'`;
    const own = optionsOf(entry.command).map((option) => {
      const flags = [
        ...(option.short ? [`-s ${option.short.slice(1)}`] : []),
        ...(option.long ? [`-l ${option.long.slice(2)}`] : []),
      ].join(' ');
      return `complete -c ${PROGRAM} ${at} ${flags}${fishValue(option)} -d ${fishText(option.description)}`;
    });
    const interfaces =
      firstArgument(entry) === 'interface'
        ? [`complete -c ${PROGRAM} ${at} -f -a '(${INTERFACES} | string split " ")'`]
        : [];
    return [...interfaces, ...own];
  });
  return `# fish completion of ${PROGRAM}; made from the definitions of its commands.
function __wg_rendezvous_at
    set -l words (commandline -opc)
    test "$words[2..]" = "$argv[1]"
end

function __wg_rendezvous_in
    set -l words (commandline -opc)
    string match -q -- "$argv[1] *" "$words[2..] "
end

complete -c ${PROGRAM} -f
${[...lines, ...options].join('\n')}
`;
}

function fishValue(option: Option): string {
  switch (optionKind(option)) {
    case undefined:
      return '';
    case 'choice':
      return ` -x -a '${option.argChoices?.join(' ')}'`;
    case 'file':
      return ' -r -F';
    case 'interface':
      return ` -x -a '(${INTERFACES} | string split " ")'`;
    default:
      return ' -x';
  }
}

function fishText(text: string): string {
  return `'${text.replace(/\\/g, '\\\\').replace(/'/g, "\\'")}'`;
}
