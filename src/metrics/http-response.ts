import { STATUS_CODES } from 'node:http';

/** A response to an HTTP/1 request. */
export interface HttpResponse {
  readonly status: number;
  /** @default plain text */
  readonly type?: string;
  readonly text: string;
}

/**
 * Encodes a response after which the connection ends.
 * @param method of the request; HEAD gets no body (RFC 9110 section 9.3.2)
 */
export function encodeResponse({ status, type, text }: HttpResponse, method: string): string {
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    `Date: ${new Date().toUTCString()}`,
    `Content-Type: ${type ?? 'text/plain; charset=utf-8'}`,
    `Content-Length: ${Buffer.byteLength(text)}`,
    ...(status === 405 ? ['Allow: GET, HEAD'] : []),
    'Connection: close',
  ];
  return `${head.join('\r\n')}\r\n\r\n${method === 'HEAD' ? '' : text}`;
}
