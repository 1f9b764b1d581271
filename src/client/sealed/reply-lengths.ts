import { isDataLength, MAX_MESSAGE_LENGTH, MESSAGE_LENGTH } from '../../wire/sealed.js';

/** Lengths that a datagram from a server can have, in bytes: a response, a cookie, a notice, or data. */
export const SEALED_REPLY_LENGTHS: readonly number[] = [
  MESSAGE_LENGTH.response,
  MESSAGE_LENGTH.cookie,
  MESSAGE_LENGTH.notice,
  ...Array.from({ length: MAX_MESSAGE_LENGTH + 1 }, (_, length) => length).filter(isDataLength),
];
