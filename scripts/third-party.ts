import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Writes the licences of everything that is bundled: `third-party.js OUTPUT METAFILE…`, where the files are
 * what esbuild says of its inputs. Fails where a package has no licence text: it could not be shipped.
 */

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Linked into an addon, so esbuild does not know of it. */
const LINKED: Readonly<Record<string, string>> = {
  'sodium-native': 'scripts/licences/libsodium.txt',
};

interface Metafile {
  readonly inputs: Readonly<Record<string, unknown>>;
}

interface Manifest {
  readonly version: string;
  readonly license?: string;
}

/** The folders of the packages that the bundles have code of. */
function packagesOf(metafiles: readonly string[]): string[] {
  const inputs = metafiles.flatMap((file) =>
    Object.keys((JSON.parse(readFileSync(file, 'utf8')) as Metafile).inputs),
  );
  const folders = inputs.flatMap(
    (input) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0] ?? [],
  );
  return [...new Set(folders)].sort();
}

function licence(folder: string): string {
  const texts = readdirSync(join(ROOT, folder))
    .filter((name) => /^(licen[cs]e|notice|copying|copyrightnotice)([.-].*)?$/i.test(name))
    .map((name) => readFileSync(join(ROOT, folder, name), 'utf8').trim());
  const name = folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length);
  if (texts.length === 0) {
    throw new Error(`${folder} has no licence text: the program cannot ship ${name}`);
  }
  const linked = LINKED[name];
  if (linked !== undefined) {
    texts.push(readFileSync(join(ROOT, linked), 'utf8').trim());
  }
  const manifest = JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8')) as Manifest;
  const title = `${name} ${manifest.version} (${manifest.license ?? 'see below'})`;
  return `${title}\n${'='.repeat(title.length)}\n\n${texts.join('\n\n')}\n`;
}

const [output, ...metafiles] = process.argv.slice(2);
if (output === undefined || !metafiles.every((file) => existsSync(file))) {
  throw new Error('usage: third-party.js OUTPUT METAFILE...');
}
const intro = 'wg-rendezvous contains the following packages, in dist/bin and in prebuilds.\n';
writeFileSync(output, [intro, ...packagesOf(metafiles).map(licence)].join('\n\n'));
