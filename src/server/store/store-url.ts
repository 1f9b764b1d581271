/** Where a store is, and how to log in. */
export interface StoreAddress {
  /** A socket of this host, or host and port. */
  readonly path?: string;
  readonly host?: string;
  readonly port?: number;
  readonly isTls: boolean;
  readonly username?: string;
  readonly password?: string;
  readonly database: number;
  /** The address without user and password, for logs. */
  readonly text: string;
}

const DEFAULT_PORT = 6379;
const MAX_DATABASE = 65_535;
const MAX_LENGTH = 2048;
const SOCKET_URL =
  /^unix:(?:\/\/(?:(?<user>[^:@/]*):(?<password>[^@/]*)@)?)?(?<path>\/[^/?][^?]*)(?:\?db=(?<db>.*))?$/s;
const EXAMPLES = 'redis://HOST:6379, rediss://HOST:6379 or unix:/PATH';

/**
 * Parses `redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]`, the same with `rediss:` for TLS, or
 * `unix:[//USER:PASSWORD@]/PATH[?db=DATABASE]`. Throws a RangeError, which never repeats the text: it may hold a
 * password.
 */
export function parseStoreUrl(text: string): StoreAddress {
  if (text.length > MAX_LENGTH) {
    throw new RangeError(`the URL of the store is longer than ${MAX_LENGTH} characters`);
  }
  if (text.startsWith('unix:')) {
    return parseSocket(text);
  }
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new RangeError(`the store is not a URL: give ${EXAMPLES}`);
  }
  const { protocol } = url;
  if (protocol !== 'redis:' && protocol !== 'rediss:') {
    throw new RangeError(`the store is of an unknown kind: give ${EXAMPLES}`);
  }
  const login = loginOf(url.username, url.password);
  if (url.hostname === '') {
    throw new RangeError(`the store has no host: give ${EXAMPLES}`);
  }
  const port = url.port === '' ? DEFAULT_PORT : Number(url.port);
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const database = databaseOf(url.pathname.replace(/^\//, ''));
  const place = `${protocol}//${url.hostname}:${port}`;
  return { ...login, host, port, isTls: protocol === 'rediss:', database, text: place };
}

/** Parsed by hand: the URL class accepts no user or password before a path. */
function parseSocket(text: string): StoreAddress {
  const parts = SOCKET_URL.exec(text)?.groups;
  if (parts === undefined) {
    throw new RangeError('the store has no absolute path: give unix:/PATH');
  }
  const path = decoded(parts['path'] ?? '', 'path');
  const login = loginOf(parts['user'] ?? '', parts['password'] ?? '');
  const database = databaseOf(parts['db'] ?? '');
  return { ...login, path, isTls: false, database, text: `unix:${path}` };
}

function loginOf(username: string, password: string): Pick<StoreAddress, 'username' | 'password'> {
  return {
    ...(username !== '' && { username: decoded(username, 'user') }),
    ...(password !== '' && { password: decoded(password, 'password') }),
  };
}

function databaseOf(text: string): number {
  const number = text === '' ? 0 : Number(text);
  if (!/^\d{0,5}$/.test(text) || number > MAX_DATABASE) {
    throw new RangeError('the database of the store is not a number: give redis://HOST:6379/0');
  }
  return number;
}

function decoded(text: string, what: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new RangeError(
      `the ${what} of the store is badly escaped: write special characters as %XX`,
    );
  }
}
