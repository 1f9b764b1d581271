import { createRequire } from 'node:module';
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

let loaded: Binding | undefined;

/** Loads the addon, once. Throws an AddonError where it cannot be used. */
export function loadBinding(): Binding {
  loaded ??= usable(load());
  return loaded;
}

/** Why the addon cannot be used and what to do, in one line; undefined where it can. */
export function addonProblem(): string | undefined {
  try {
    loadBinding();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

function load(): object {
  const load = createRequire(import.meta.url)('bindings') as (name: string) => object;
  try {
    return load('wg_rendezvous');
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const why = code === 'ERR_DLOPEN_FAILED' ? `: ${message.split('\n')[0]}` : '';
    throw new AddonError(
      `the addon was not built for this Node (in the checkout: make addon)${why}`,
      { cause },
    );
  }
}

/** One that was built before the program was updated would fail anywhere, and say nothing of why. */
function usable(addon: object): Binding {
  const missing = missingMembers(addon);
  if (missing.length > 0) {
    throw new AddonError(
      `the addon is of another version than the program, and lacks ${missing.join(', ')}: ` +
        'build it again (in the checkout: make addon)',
    );
  }
  return addon as Binding;
}
