/** Why WireGuard could not be read or set. */
export type WgErrorCode =
  | 'WG_TOOL_MISSING'
  | 'WG_NOT_PERMITTED'
  | 'WG_NO_INTERFACE'
  | 'WG_NOT_WIREGUARD'
  | 'WG_TIMEOUT'
  | 'WG_FAILED';

/** A failed `wg` call: one line that says what, why and what to do; never what `wg` was fed. */
export class WgError extends Error {
  override readonly name = 'WgError';

  constructor(
    readonly code: WgErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
