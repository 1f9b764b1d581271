import {
  type Answer,
  AUTHORITATIVE_ANSWER,
  type Question as DnsQuestion,
  decode,
  encode,
} from 'dns-packet';
import { RCODE } from '../../../src/wire/dns-reply.js';

export const ZONE = 'example.com';

export function srv(
  name: string,
  port: number,
  { target = name, priority = 0, weight = 0, ttl = 0 } = {},
): Answer {
  return { name, type: 'SRV', class: 'IN', ttl, data: { priority, weight, port, target } };
}

export function address(name: string, data: string, ttl = 0): Answer {
  return { name, type: data.includes(':') ? 'AAAA' : 'A', class: 'IN', ttl, data };
}

export function alias(name: string, data: string): Answer {
  return { name, type: 'CNAME', class: 'IN', ttl: 0, data };
}

export interface ReplyParts {
  readonly answers?: Answer[];
  readonly additionals?: Answer[];
  readonly rcode?: keyof typeof RCODE;
  readonly truncated?: boolean;
  /** @default as in the query */
  readonly questions?: DnsQuestion[];
}

/** The only question of a query. */
export function questionOf(query: Uint8Array): DnsQuestion {
  const [question] = decode(Buffer.from(query)).questions ?? [];
  if (question === undefined) {
    throw new Error('a query without a question');
  }
  return question;
}

/** A reply to a query as a server would send it. */
export function replyTo(query: Uint8Array, parts: ReplyParts = {}): Uint8Array {
  const { id = 0, questions } = decode(Buffer.from(query));
  const truncated = parts.truncated ? 0x200 : 0;
  return encode({
    id,
    type: 'response',
    flags: AUTHORITATIVE_ANSWER | truncated | RCODE[parts.rcode ?? 'NOERROR'],
    questions: parts.questions ?? questions ?? [],
    answers: parts.answers ?? [],
    additionals: parts.additionals ?? [],
  });
}

/** The usual reply of a registry: the port, and the address in the additional section. */
export function located(query: Uint8Array, ip: string, port = 51820): Uint8Array {
  const { name } = questionOf(query);
  return replyTo(query, { answers: [srv(name, port)], additionals: [address(name, ip)] });
}
