import { once } from 'node:events';
import { unlinkSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** Readers at once; a further one is turned away. */
const MAX_READERS = 8;
/** A reader that has not taken the text by then is disconnected. */
const READER_TIMEOUT_MS = 2000;
/** Readers within this time share one text, so that no reader costs the process more than others. */
const SHARED_MS = 200;
/** By then it is known whether another process listens. */
const PROBE_TIMEOUT_MS = 500;
/** Only the owner, which is root. */
const OWNER_ONLY = 0o177;

/** A unix socket that sends one text to each connection. */
export interface ControlSocket {
  /** Ends all connections and removes the socket. Idempotent. */
  close(): void;
}

/**
 * Listens at the path of a unix socket that only its owner can use (mode 0600), and writes one text to each
 * connection. It never reads from them; readers are bounded in number and time, and share a text of
 * at most 200 ms of age. A socket that a dead process left is replaced; one that answers is not.
 * Rejects with the system's error: EADDRINUSE where another process serves the path.
 * @param text makes the text, in UTF-8
 */
export async function serveText(path: string, text: () => string): Promise<ControlSocket> {
  if (await isServed(path)) {
    throw Object.assign(new Error(`another process serves ${path}`), { code: 'EADDRINUSE' });
  }
  removeSocket(path);
  const readers = new Set<Socket>();
  let shared: { readonly bytes: Buffer; readonly madeAt: number } | undefined;
  const bytes = () => {
    const now = performance.now();
    if (shared === undefined || now - shared.madeAt > SHARED_MS) {
      shared = { bytes: Buffer.from(text()), madeAt: now };
    }
    return shared.bytes;
  };
  const server = createServer({ pauseOnConnect: true }, (reader) => {
    readers.add(reader);
    const timer = setTimeout(() => reader.destroy(), READER_TIMEOUT_MS);
    reader.on('error', () => reader.destroy());
    reader.on('close', () => {
      clearTimeout(timer);
      readers.delete(reader);
    });
    reader.end(bytes(), () => reader.destroy());
  });
  server.maxConnections = MAX_READERS;
  listenPrivately(server, path);
  await once(server, 'listening');
  // A connection that cannot be accepted, such as for lack of descriptors, is dropped.
  server.on('error', () => {});
  // It does not keep the process running.
  server.unref();
  return {
    close() {
      server.close();
      for (const reader of readers) {
        reader.destroy();
      }
    },
  };
}

/** Reads the text of a socket to its end. Rejects with the system's error, ETIMEDOUT or EFBIG. */
export function readText(
  path: string,
  { timeoutMs, maxBytes }: { readonly timeoutMs: number; readonly maxBytes: number },
): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    const fail = (code: string, what: string) =>
      socket.destroy(Object.assign(new Error(`${path}: ${what}`), { code }));
    const timer = setTimeout(() => fail('ETIMEDOUT', 'no answer in time'), timeoutMs);
    const chunks: Buffer[] = [];
    let bytes = 0;
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > maxBytes) {
        fail('EFBIG', `more than ${maxBytes} bytes`);
      }
    });
    socket.on('error', reject);
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(Buffer.concat(chunks).toString());
    });
  });
}

/** The socket is never there with another mode than 0600. */
function listenPrivately(server: Server, path: string): void {
  const before = process.umask(OWNER_ONLY);
  try {
    // libuv binds a unix socket at once.
    server.listen(path);
  } finally {
    process.umask(before);
  }
}

function isServed(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const timer = setTimeout(() => socket.destroy(), PROBE_TIMEOUT_MS);
    const end = (served: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(served);
    };
    socket.on('connect', () => end(true));
    socket.on('error', () => end(false));
    // Silence within the time: a full backlog belongs to a running process.
    socket.on('close', () => end(true));
  });
}

function removeSocket(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // There was none; listening reports any other error.
  }
}
