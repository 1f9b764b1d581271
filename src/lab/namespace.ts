import { type CommandOptions, type CommandResult, outcome, run } from './command.js';
import { LabProcess } from './process.js';

/** One network namespace: a host, a gateway, or the internet. */
export class Namespace {
  /** Its name for `ip netns`. */
  readonly netns: string;

  constructor(netns: string) {
    this.netns = netns;
  }

  /** Runs a command in the namespace and returns its stdout. Rejects if it fails. */
  exec(file: string, args: readonly string[] = [], options?: CommandOptions): Promise<string> {
    return run('ip', this.#enter(file, args), options);
  }

  /** Runs a command in the namespace and returns its exit code and output, even if it fails. */
  outcome(
    file: string,
    args: readonly string[] = [],
    options?: CommandOptions,
  ): Promise<CommandResult> {
    return outcome('ip', this.#enter(file, args), options);
  }

  /** Starts a program in the namespace. It ends with the lab at the latest. */
  spawn(file: string, args: readonly string[] = [], env?: NodeJS.ProcessEnv): LabProcess {
    return new LabProcess('ip', this.#enter(file, args), env);
  }

  /** Runs `ip` commands in one process, one command per line. */
  async ip(lines: readonly string[]): Promise<void> {
    await run('ip', ['-n', this.netns, '-batch', '-'], { input: `${lines.join('\n')}\n` });
  }

  /** Applies an nft ruleset, completely or not at all. */
  async nft(ruleset: string): Promise<void> {
    await this.exec('nft', ['-f', '-'], { input: ruleset });
  }

  /** Sets kernel parameters. Ignores those that this kernel does not have. */
  async sysctl(values: Readonly<Record<string, string | number>>): Promise<void> {
    const settings = Object.entries(values).map(([name, value]) => `${name}=${value}`);
    await this.exec('sysctl', ['-q', '-e', '-w', ...settings]);
  }

  // `ip netns exec` replaces itself with the command, so its pid is the command's.
  #enter(file: string, args: readonly string[]): string[] {
    return ['netns', 'exec', this.netns, file, ...args];
  }
}
