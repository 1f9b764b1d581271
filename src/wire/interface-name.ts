/** IFNAMSIZ of linux/if.h, less the closing NUL. */
export const MAX_INTERFACE_NAME = 15;

/** Whether Linux takes a text as the name of an interface (dev_valid_name of net/core/dev.c). */
export function isInterfaceName(text: string): boolean {
  return (
    /^[^\s/:]+$/.test(text) &&
    text !== '.' &&
    text !== '..' &&
    Buffer.byteLength(text) <= MAX_INTERFACE_NAME
  );
}
