import { fileURLToPath } from 'node:url';
import bindings from 'bindings';
import { missingMembers } from './addon-members.js';

import type { Binding } from './native-types.js';

export type {
  Binding,
  NativeRawSocket,
  NativeRoute,
  NativeUdpBatch,
  RawReceived,
} from './native-types.js';

/** The addon is not there, not for this Node, or not of this version of the program. */
export class AddonError extends Error {
  override readonly name = 'AddonError';
  readonly code = 'ADDON_UNUSABLE';
}

let loaded: Binding | AddonError | undefined;

/** Loads the addon, once. Throws an AddonError if it cannot be used. */
export function loadBinding(): Binding {
  loaded ??= tryToLoad();
  if (loaded instanceof AddonError) {
    throw loaded;
  }
  return loaded;
}

function tryToLoad(): Binding | AddonError {
  try {
    return usable(load());
  } catch (error) {
    if (error instanceof AddonError) {
      return error;
    }
    throw error;
  }
}

/** Why the addon cannot be used and what to do, in one line; undefined if it can. */
export function addonProblem(): string | undefined {
  try {
    loadBinding();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Where addons are, below the folder of the package: one that came with it, and one that was built here. */
const PLACES = [
  ['module_root', 'prebuilds', `${process.platform}-${process.arch}`, 'bindings'],
  ['module_root', 'build', 'Release', 'bindings'],
];

/** The first addon that loads: if a prebuilt one needs another C library, a built one is next. */
function load(): object {
  const root = bindings.getRoot(fileURLToPath(import.meta.url));
  let unusable: NodeJS.ErrnoException | undefined;
  for (const place of PLACES) {
    try {
      return bindings({ bindings: 'wg_rendezvous', module_root: root, try: [place] }) as object;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      unusable ??= code === 'ERR_DLOPEN_FAILED' ? (error as NodeJS.ErrnoException) : undefined;
    }
  }
  const platform = `${process.platform}-${process.arch}`;
  const why = unusable === undefined ? '' : `: ${unusable.message.split('\n')[0]}`;
  throw new AddonError(
    `the addon was not built for this Node on ${platform} (in a checkout: make addon)${why}`,
    { cause: unusable },
  );
}

/** One that was built before the program was updated would fail at some call, without a reason. */
function usable(addon: object): Binding {
  const missing = missingMembers(addon);
  if (missing.length > 0) {
    throw new AddonError(
      `the addon is of another version than the program, and lacks ${missing.join(', ')}: ` +
        'build it again (in a checkout: make addon), or install the package again',
    );
  }
  return addon as Binding;
}
