import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PROGRAM } from './run-command.js';

export const CHECKOUT = join(dirname(PROGRAM), '..', '..');

/** The program in a checkout of which only the TypeScript was built. */
export class ProgramWithoutAddon implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'wg-rendezvous-no-addon-'));
  readonly path = join(this.folder, 'dist', 'bin', 'wg-rendezvous.js');

  /** @param addon a file to stand in for the addon */
  constructor(addon?: string) {
    cpSync(join(CHECKOUT, 'dist', 'bin'), join(this.folder, 'dist', 'bin'), { recursive: true });
    cpSync(join(CHECKOUT, 'package.json'), join(this.folder, 'package.json'));
    symlinkSync(join(CHECKOUT, 'node_modules'), join(this.folder, 'node_modules'));
    if (addon !== undefined) {
      cpSync(addon, join(this.folder, 'build', 'Release', 'wg_rendezvous.node'));
    }
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true });
  }
}
