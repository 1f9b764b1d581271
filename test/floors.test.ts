import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** The floors, top first. A folder of src imports from itself and from those named beside it. */
const FLOORS: Readonly<Record<string, string>> = {
  cli: 'check compare client dns server metrics sealed wireguard files socket wire',
  check: 'client sealed wireguard socket wire',
  compare: 'lab sealed socket wire',
  lab: 'sealed wire',
  dns: 'limits metrics wireguard files socket wire',
  client: 'sealed wireguard limits socket wire',
  server: 'limits metrics sealed files socket wire',
  metrics: 'limits socket wire',
  sealed: 'wire',
  wireguard: 'socket wire',
  limits: 'socket wire',
  socket: 'wire',
  files: '',
  wire: '',
};

/** Modules that decide: no I/O, no clock, no randomness. */
const PURE = [
  /^client\/paths\/nat-(behaviour|survey)\.ts$/,
  /^server\/(ports|stun-handler)\.ts$/,
  /^wire\//,
  /^limits\/(?!random-)/,
  /^client\/(liveness|peer-book|peer-track|problems|timing|connect-attempt|ask-times|reading-pause)\.ts$/,
  /^client\/paths\/(remote-candidate|check-list|path-monitor|hard-nat|port-guesses|flow-script|opener-ttl)\.ts$/,
  /^client\/servers\/(?!joined-finder)/,
  /^client\/status\/(status|status-book|nat-facts|server-view)\.ts$/,
  /^check\/(?!collect|server-probe|routes|run-tool|quick-config|router|firewall\/firewall)/,
  /^client\/classic\/(inquiry|request-schedule)\.ts$/,
  /^client\/sealed\/(?!own-keys|server-channels|relay-channels|sealed-finder)/,
  /^server\/classic\//,
  /^server\/sealed\/(?!key-file|sealed-counts|sealed-metrics)/,
  /^server\/relay\/(?!relay-sockets|relay-counts|relay-metrics)/,
  /^server\/store\/(?!store(-link|-counts|-metrics)?\.ts)/,
  /^dns\/(signer|instance|roster|zone|responder|counts|options)\.ts$/,
  /^client\/dns\/(records|lookup|lookup-schedule|exchanges|failure|registry-peer)\.ts$/,
  /^sealed\/replay-window\.ts$/,
  /^dns\/dnssec\/(canonical|denial|signature-cache)/,
  /^metrics\/(http-request|cached-text)\.ts$/,
  /^lab\/(topology|nat-rules|distance)\.ts$/,
  /^compare\/results\.ts$/,
  /^compare\/(report\/|measure\/(statistics|round-trips)|agents\/(load-script|sealed-session))/,
  /^wireguard\/(device|dump|peer-arguments|readiness|wg-error)\.ts$/,
];

const files = readdirSync(`${ROOT}src`, { recursive: true })
  .map(String)
  .filter((file) => file.endsWith('.ts'));

function source(file: string): string {
  return readFileSync(`${ROOT}src/${file}`, 'utf8');
}

/** What a file imports, its own folders as paths below src. */
function imports(file: string): string[] {
  const found = source(file).matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g);
  return [...found].map(([, name]) =>
    name?.startsWith('.') ? posix.join(posix.dirname(file), name) : (name as string),
  );
}

function filesThat(match: RegExp): string[] {
  return files.filter((file) => match.test(source(file)));
}

test('imports point downward only', () => {
  assert.ok(files.length > 30);
  const order = Object.keys(FLOORS);
  for (const [floor, below] of Object.entries(FLOORS)) {
    for (const name of below.split(' ').filter(Boolean)) {
      assert.ok(order.indexOf(name) > order.indexOf(floor), `${name} is not below ${floor}`);
    }
  }
  for (const file of files) {
    const floor = file.split('/')[0] as string;
    const allowed = [floor, ...(FLOORS[floor]?.split(' ') ?? [])];
    assert.ok(floor in FLOORS, `${file}: no such floor`);
    for (const target of imports(file).filter((name) => /^[a-z]+\/.*\.js$/.test(name))) {
      assert.ok(allowed.includes(target.split('/')[0] as string), `${file} imports ${target}`);
    }
  }
});

test('no files import each other in a circle, types included', () => {
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    assert.ok(!path.includes(file), [...path.slice(path.indexOf(file)), file].join(' -> '));
    if (done.has(file)) {
      return;
    }
    for (const target of imports(file)) {
      const next = target.replace(/\.js$/, '.ts');
      if (files.includes(next)) {
        visit(next, [...path, file]);
      }
    }
    done.add(file);
  };
  for (const file of files) {
    visit(file, []);
  }
});

test('only the socket floor knows datagram sockets and the addon', () => {
  // Agents are programs of the lab, and play the parts of others.
  const knows = /^socket\/|^compare\/agents\//;
  for (const file of files.filter((name) => !knows.test(name))) {
    assert.deepEqual(
      imports(file).filter((name) => /dgram$|^bindings$|binding\.js$/.test(name)),
      [],
      file,
    );
  }
});

test('only the command line prints, reads arguments or ends the process', () => {
  const loud = filesThat(/\bconsole\.|process\.(exit\b|exitCode|argv|stdout|stderr)/);
  const lab = /^lab\/cleanup\.ts$/;
  assert.deepEqual(
    loud.filter((file) => !file.startsWith('cli/') && !lab.test(file)),
    [],
  );
});

test('modules that decide do no I/O and read no clock', () => {
  const pure = files.filter((file) => PURE.some((pattern) => pattern.test(file)));
  assert.ok(pure.length > 15);
  for (const file of pure) {
    assert.deepEqual(
      imports(file).filter((name) => name.startsWith('node:')),
      [],
      file,
    );
    assert.doesNotMatch(
      source(file),
      /Date\.now|performance\.|Math\.random|setTimeout|process\.[a-z]/,
      file,
    );
  }
});

/** The files that are loaded together with a file: not what it imports when it runs, and not types. */
function loadedWith(file: string, seen = new Set<string>()): Set<string> {
  seen.add(file);
  for (const [, name] of source(file).matchAll(
    /^(?:import|export) (?:(?!type )[^;'(]*from )?'(\.[^']+)'/gm,
  )) {
    const target = posix.join(posix.dirname(file), name as string).replace(/\.js$/, '.ts');
    if (!seen.has(target)) {
      loadedWith(target, seen);
    }
  }
  return seen;
}

test('a client of the classic protocol does not wait for libsodium', () => {
  for (const start of ['cli/main.ts', 'cli/client-main.ts', 'cli/client-run.ts']) {
    const loaded = [...loadedWith(start)];
    assert.ok(loaded.length > 5);
    assert.deepEqual(
      loaded.filter((file) => source(file).includes("'sodium-native'")),
      [],
      start,
    );
  }
});

test('no shell is run anywhere', () => {
  assert.deepEqual(
    filesThat(/\bexecSync\(|[^.]\bexec\(|shell:\s*true/).filter((file) => !file.startsWith('lab/')),
    [],
  );
});
