import type { LineLogger } from './late-logger.js';
import type { Settings } from './settings.js';

/** Rereads the names of peers from the file; keeps the previous ones if it cannot be used. */
export function reloadNames(
  settings: Settings | undefined,
  names: Map<string, string>,
  logger: LineLogger,
): void {
  if (settings === undefined) {
    return;
  }
  try {
    const now = settings.reread();
    names.clear();
    for (const [key, name] of now.names) {
      names.set(key, name);
    }
    const others = now.text === settings.text ? '' : '; other changes count from the next start on';
    logger.info({}, `${now.path} read again: ${names.size} peers have names${others}`);
  } catch (error) {
    logger.error({}, `${(error as Error).message}; the settings before stay`);
  }
}
