import { Counter, Gauge, type Registry } from 'prom-client';

export const PREFIX = 'wg_rendezvous_';

interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** One sample for each value, labelled with its name. */
export function samples(
  label: string,
  values: Readonly<Record<string, number>>,
  common: Readonly<Record<string, string>> = {},
): Sample[] {
  return Object.entries(values).map(([name, value]) => ({
    labels: { ...common, [label]: name },
    value,
  }));
}

/** A counter that is read at each scrape. */
export function counter(
  registry: Registry,
  name: string,
  help: string,
  read: () => Sample[],
): void {
  new Counter<string>({
    name: PREFIX + name,
    help,
    labelNames: Object.keys(read()[0]?.labels ?? {}),
    registers: [registry],
    collect() {
      this.reset();
      for (const { labels, value } of read()) {
        this.inc(labels, value);
      }
    },
  });
}

/** A counter without labels that is read at each scrape. */
export function total(registry: Registry, name: string, help: string, read: () => number): void {
  counter(registry, name, help, () => [{ labels: {}, value: read() }]);
}

/** Gauges with labels that are read at each scrape; those that are not read any more are gone. */
export function gauges(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly string[],
  read: () => Sample[],
): void {
  new Gauge<string>({
    name: PREFIX + name,
    help,
    labelNames: [...labelNames],
    registers: [registry],
    collect() {
      this.reset();
      for (const { labels, value } of read()) {
        this.set(labels, value);
      }
    },
  });
}

/** A gauge that is read at each scrape. */
export function gauge(registry: Registry, name: string, help: string, read: () => number): void {
  new Gauge({
    name: PREFIX + name,
    help,
    registers: [registry],
    collect() {
      this.set(read());
    },
  });
}
