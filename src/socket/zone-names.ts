/** Names kept at once: more than a host has interfaces that link-local datagrams arrive by. */
const MAX_NAMES = 1024;

/**
 * Numbers that stand for the zones of received datagrams until those are answered, for node:dgram, which
 * only knows names. They are not the system's numbers: looking those up would cost a system call
 * for each datagram, and an interface without an address of its own, such as a tunnel, is not in
 * os.networkInterfaces().
 */
export class ZoneNames {
  private readonly numbers = new Map<string, number>();
  private readonly names = new Map<number, string>();
  private last = 0;

  /** The number of a name; never 0. */
  numberOf(name: string): number {
    return this.numbers.get(name) ?? this.add(name);
  }

  /** The name of a number; undefined for 0, and for one of long ago. */
  nameOf(number: number): string | undefined {
    return this.names.get(number);
  }

  private add(name: string): number {
    if (this.names.size === MAX_NAMES) {
      this.numbers.clear();
      this.names.clear();
    }
    this.last++;
    this.numbers.set(name, this.last);
    this.names.set(this.last, name);
    return this.last;
  }
}
