/** The first line of an HTTP/1 request. */
export interface HttpRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
}

/** The longest head that is read; those of scrapers are shorter. */
export const MAX_HEAD_LENGTH = 8192;

/** The end of a head is an empty line; a lone LF ends a line too (RFC 9112 sections 2.1, 2.2). */
const HEAD_END = /\n\r?\n/;

/** A target is a path, or a URL with one (RFC 9112 section 3.2). */
const REQUEST_LINE = /^([A-Z]+) (?:http:\/\/[^/?\s]*)?(\/[^?\s]*)(?:\?\S*)? HTTP\/1\.[01]\r?\n/;

/**
 * Reads the head of a request from what a connection has sent so far, one character for each byte. Bytes
 * behind the head are ignored.
 */
export function readRequest(received: string): HttpRequest | 'incomplete' | 'too long' | 'bad' {
  if (!HEAD_END.test(received)) {
    return received.length > MAX_HEAD_LENGTH ? 'too long' : 'incomplete';
  }
  const [, method, path] = REQUEST_LINE.exec(received) ?? [];
  return method === undefined || path === undefined ? 'bad' : { method, path };
}
