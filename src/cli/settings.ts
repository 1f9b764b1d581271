import { type Stats, statSync } from 'node:fs';
import type { Command } from 'commander';
import { readTextFile } from '../files/text-file.js';
import { hasTrustedOwner } from '../files/trusted-folder.js';
import { UsageError } from './exit-code.js';
import { IniError, type IniSection, parseIni } from './ini.js';
import { type PeerNames, peerNames } from './peer-names.js';
import {
  applyValues,
  type ExtraSettings,
  expectCompatible,
  expectOptions,
  settingValues,
  type Values,
} from './setting-options.js';

/** Where the files of settings are. */
export const SETTINGS_FOLDER = '/etc/wg-rendezvous';

const MAX_BYTES = 1024 * 1024;
const WRITE_BY_GROUP_AND_OTHERS = 0o022;

/** The sections of a file; each command has one, and skips those of others. */
const INTERFACE_SECTIONS = ['Client', 'DnsClient', 'DnsServer', 'Peer'] as const;
const SERVER_SECTIONS = ['Server'] as const;

/** What a command takes from a file. */
export interface SettingsPlan {
  readonly section: Exclude<(typeof INTERFACE_SECTIONS)[number], 'Peer'> | 'Server';
  /** The file without folder that is read where it exists, and --config names none. */
  readonly file: (command: Command) => string | undefined;
  /** Options that have to be given, here or there, by the names of their attributes. */
  readonly needs?: readonly string[];
  readonly extras?: ExtraSettings;
}

/** A file that was read. */
export interface Settings {
  readonly path: string;
  readonly names: PeerNames;
  /** The values of the command's own section, for comparison. */
  readonly text: string;
  /** Reads it again. Throws a UsageError that names file and line. */
  reread(): Settings;
}

/**
 * Gives a command a file of settings, and `--config FILE`. Call this before other hooks are added: they
 * see the options with the values of the file. `Command.opts().settings` is the file, if there is one.
 */
export function withSettings(command: Command, plan: SettingsPlan): Command {
  const usual = plan.section === 'Server' ? 'server.conf' : 'INTERFACE.conf';
  return command
    .option(
      '--config <file>',
      `settings, over which options win (default: ${SETTINGS_FOLDER}/${usual} where that exists)`,
    )
    .hook('preAction', (self) => {
      const { config } = self.opts<{ readonly config?: string }>();
      const file = plan.file(self);
      const path = config ?? (file === undefined ? undefined : `${SETTINGS_FOLDER}/${file}`);
      const found =
        path === undefined ? undefined : readSettings(self, plan, path, config !== undefined);
      if (found !== undefined) {
        applyValues(self, found.values);
        self.setOptionValueWithSource('settings', found.settings, 'config');
      }
      expectOptions(self, plan.needs ?? []);
    });
}

function readSettings(
  command: Command,
  plan: SettingsPlan,
  path: string,
  isNeeded: boolean,
): { readonly settings: Settings; readonly values: Values } | undefined {
  const text = read(path, isNeeded);
  if (text === undefined) {
    return undefined;
  }
  try {
    const sections = parseIni(text);
    const own = ownSections(sections, plan);
    const values = settingValues(command, plan.extras ?? {}, own);
    expectCompatible(command, values, own[0]?.line ?? 1);
    const settings = {
      path,
      names: peerNames(named(sections, 'Peer')),
      text: JSON.stringify(own.map(({ entries }) => entries.map(({ key, value }) => [key, value]))),
      reread: () => readSettings(command, plan, path, true)!.settings,
    };
    return { settings, values };
  } catch (error) {
    throw error instanceof IniError ? new UsageError(`${path}, ${error.message}`) : error;
  }
}

/** The sections of a command. Throws an IniError on one that no command has. */
function ownSections(sections: readonly IniSection[], { section }: SettingsPlan): IniSection[] {
  const known: readonly string[] = section === 'Server' ? SERVER_SECTIONS : INTERFACE_SECTIONS;
  for (const { name, line } of sections) {
    if (!known.some((it) => it.toLowerCase() === name.toLowerCase())) {
      const list = known.map((it) => `[${it}]`).join(', ');
      throw new IniError(line, `there is no section [${name}]: known are ${list}`);
    }
  }
  return named(sections, section);
}

function named(sections: readonly IniSection[], name: string): IniSection[] {
  return sections.filter((it) => it.name.toLowerCase() === name.toLowerCase());
}

/** undefined if there is no file, and none is needed. Throws a UsageError. */
function read(path: string, isNeeded: boolean): string | undefined {
  try {
    const status = statSync(path);
    const text = readTextFile(path, MAX_BYTES);
    if (text !== undefined) {
      expectTrusted(path, status);
      return text;
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) {
      throw error;
    }
    if (code === 'ENOENT' && !isNeeded) {
      return undefined;
    }
    const advice =
      code === 'EACCES'
        ? `let the user who runs this read it (chmod 644 ${path})`
        : 'check the path, or name another file with --config';
    throw new UsageError(`cannot read the settings ${path} (${code}): ${advice}`);
  }
  throw new UsageError(
    `${path} is no file of settings: give a regular file of at most ${MAX_BYTES} bytes`,
  );
}

/** Who can write the file decides what root runs (`Wg = PATH`) and to whom it connects. */
function expectTrusted(path: string, status: Stats): void {
  if (!hasTrustedOwner(status)) {
    const owner = `user ${status.uid} owns ${path}`;
    throw new UsageError(`${owner}, and decides what this runs: settings are root's or your own`);
  }
  if ((status.mode & WRITE_BY_GROUP_AND_OTHERS) !== 0) {
    throw new UsageError(`other users can write to ${path}: chmod go-w ${path}`);
  }
}
