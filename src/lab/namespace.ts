import { type CommandOptions, type CommandResult, outcome, run } from './command.js';
import { LabProcess } from './process.js';

/** One network namespace: a host, a gateway, or the internet. */
export class Namespace {
  /** Its name for `ip netns`. */
  readonly netns: string;

  constructor(netns: string) {
    this.netns = netns;
  }

  /** Runs a command in the namespace and gives its stdout; rejects when it fails. */
  exec(file: string, args: readonly string[] = [], options?: CommandOptions): Promise<string> {
    return run('ip', this.#enter(file, args), options);
  }

  /** Runs a command in the namespace and gives its exit code and output, also when it fails. */
  outcome(
    file: string,
    args: readonly string[] = [],
    options?: CommandOptions,
  ): Promise<CommandResult> {
    return outcome('ip', this.#enter(file, args), options);
  }

  /** Starts a program in the namespace. It is ended when the lab is disposed, if not before. */
  spawn(file: string, args: readonly string[] = [], env?: NodeJS.ProcessEnv): LabProcess {
    return new LabProcess('ip', this.#enter(file, args), env);
  }

  /** Runs `ip` commands, one a line, in one process. */
  async ip(lines: readonly string[]): Promise<void> {
    await run('ip', ['-n', this.netns, '-batch', '-'], { input: `${lines.join('\n')}\n` });
  }

  /** Applies an nft ruleset: all of it or nothing. */
  async nft(ruleset: string): Promise<void> {
    await this.exec('nft', ['-f', '-'], { input: ruleset });
  }

  /** Sets kernel parameters; those that this kernel does not have are passed over. */
  async sysctl(values: Readonly<Record<string, string | number>>): Promise<void> {
    const settings = Object.entries(values).map(([name, value]) => `${name}=${value}`);
    await this.exec('sysctl', ['-q', '-e', '-w', ...settings]);
  }

  // `ip netns exec` replaces itself by the command, so that its pid is the command's.
  #enter(file: string, args: readonly string[]): string[] {
    return ['netns', 'exec', this.netns, file, ...args];
  }
}
