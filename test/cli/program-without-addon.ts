import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PROGRAM } from './run-command.js';

export const CHECKOUT = join(dirname(PROGRAM), '..', '..');

/** Where the program looks for its addon: one that came with the package, and one that was built. */
export const ADDON_FILE = {
  prebuilt: join('prebuilds', `${process.platform}-${process.arch}`, 'wg_rendezvous.node'),
  built: join('build', 'Release', 'wg_rendezvous.node'),
} as const;

/** The program in a checkout of which only the TypeScript was built. */
export class ProgramWithoutAddon implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'wg-rendezvous-no-addon-'));
  readonly path = join(this.folder, 'dist', 'bin', 'wg-rendezvous.js');

  /**
   * @param addon a file to stand in for the addon that was built
   * @param prebuilt a file to stand in for the one that came with the package
   */
  constructor(addon?: string, prebuilt?: string) {
    cpSync(join(CHECKOUT, 'dist', 'bin'), join(this.folder, 'dist', 'bin'), { recursive: true });
    cpSync(join(CHECKOUT, 'package.json'), join(this.folder, 'package.json'));
    symlinkSync(join(CHECKOUT, 'node_modules'), join(this.folder, 'node_modules'));
    if (addon !== undefined) {
      cpSync(addon, join(this.folder, ADDON_FILE.built));
    }
    if (prebuilt !== undefined) {
      cpSync(prebuilt, join(this.folder, ADDON_FILE.prebuilt));
    }
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true });
  }
}
