import { MAX_LABEL_LENGTH, MAX_NAME_LENGTH } from '../../wire/dns-name.js';
import { childOf, labelsOf, nameLength } from './canonical-rrset.js';

/*
 * Minimally covering NSEC records (RFC 4470), made for each query: they disclose no name of the zone
 * but the one in the question. Labels of the zone have letters, digits, `=`, `_` and `-` alone and
 * no `-` at their end, so none lies in the intervals made here.
 */

/** The types at a name; none at an empty non-terminal; undefined if the zone has no such name. */
export type TypesAt = (name: string) => readonly string[] | undefined;

/** An NSEC record: `owner` has these types, and nothing exists between it and `next`. */
export interface Nsec {
  readonly owner: string;
  readonly next: string;
  readonly types: readonly string[];
}

const WILDCARD = '*';
/** The types at every name that has an NSEC (RFC 4470 section 4). */
const NSEC_TYPES = ['RRSIG', 'NSEC'] as const;
/** These sort after and before every character in labels of the zone. */
const LATE = '~';
const EARLY = '-';
/**
 * Octets that the made-up names avoid: those that dns-packet does not encode as they are (after a line
 * feed it loses the dot), and capitals, which sort as small letters.
 */
const UNUSABLE = /[^\0!-\-/-@[\]-~]/;
/** Characters of the made-up names, in order. */
const USABLE = Array.from({ length: 0x7f }, (_, octet) => String.fromCharCode(octet)).filter(
  (character) => !UNUSABLE.test(character),
);

/** Proves the types at a name of the zone. The interval ends with the first name that can follow. */
export function noData(name: string, types: readonly string[]): Nsec {
  return { owner: name, next: follower(name), types: [...types, ...NSEC_TYPES] };
}

/** The first name below a name; without room for one, a name after it. */
function follower(name: string): string {
  if (fits('\0', name)) {
    return childOf(name, '\0');
  }
  const [first = '', ...rest] = labelsOf(name);
  return after(first, rest.join('.'), '');
}

/**
 * Proves that a name in the zone does not exist, nor a wildcard that could stand for it (RFC 4035
 * section 3.1.3.2): one record or two. Octets that are no printable ASCII stand as `\DDD` in `name`.
 */
export function noName(name: string, zone: string, typesAt: TypesAt): Nsec[] {
  const labels = labelsOf(name);
  const apexAt = labels.length - labelsOf(zone).length;
  const nameAt = (at: number) => labels.slice(at).join('.');
  let at = 1;
  while (at < apexAt && typesAt(nameAt(at)) === undefined) {
    at += 1;
  }
  const cover = (label: string) => covering(label, nameAt(at), zone, typesAt);
  const label = octets(labels[at - 1] ?? '');
  return label === WILDCARD ? [cover(WILDCARD)] : [cover(label), cover(WILDCARD)];
}

/** Covers a label that does not exist below `parent`, which does, and all below that label. */
function covering(label: string, parent: string, zone: string, typesAt: TypesAt): Nsec {
  const usable = upToUnusable(label);
  const owner = before(usable, parent, typesAt);
  const types = typesAt(owner) ?? [];
  return { owner, next: after(usable, parent, zone), types: [...types, ...NSEC_TYPES] };
}

/** A name before a label and after all others that the zone can have before it. */
function before(label: string, parent: string, typesAt: TypesAt): string {
  const start = label.slice(0, -1);
  const character = USABLE.filter((usable) => usable < label.slice(-1)).pop();
  if (character !== undefined) {
    const shorter = start + character;
    return fits(shorter + LATE, parent)
      ? childOf(parent, shorter + LATE)
      : lastWithin(childOf(parent, shorter), typesAt);
  }
  // `x\0` comes right after `x` and all below it, and `\0` right after the parent.
  if (start === '') {
    return parent;
  }
  const owner = childOf(parent, start);
  return typesAt(owner) === undefined ? before(start, parent, typesAt) : lastWithin(owner, typesAt);
}

/**
 * A name after all that the zone has at a name and below it. That is a delegation itself, as what is below
 * belongs to another zone: its NSEC denies nothing there (RFC 6840 section 4.1).
 */
function lastWithin(name: string, typesAt: TypesAt): string {
  const types = typesAt(name);
  const hasNothingBelow = types === undefined || types.includes('NS') || !fits(LATE, name);
  return hasNothingBelow ? name : childOf(name, LATE);
}

/** A name after a label and all below it, and before all others that the zone can have there. */
function after(label: string, parent: string, zone: string): string {
  return !UNUSABLE.test(label) && fits(label + EARLY, parent)
    ? childOf(parent, label + EARLY)
    : afterStart(label, parent, zone);
}

/** A name after all labels that start with `start`. */
function afterStart(start: string, parent: string, zone: string): string {
  const character = USABLE.find((usable) => usable > start.slice(-1));
  const shorter = start.slice(0, -1);
  if (character !== undefined) {
    return childOf(parent, shorter + character);
  }
  if (shorter !== '') {
    return afterStart(shorter, parent, zone);
  }
  // Nothing below the parent comes later. After the last name of a zone comes the apex.
  const [first = '', ...rest] = labelsOf(parent);
  return parent === zone ? zone : after(first, rest.join('.'), zone);
}

function fits(label: string, parent: string): boolean {
  return label.length <= MAX_LABEL_LENGTH && nameLength(childOf(parent, label)) <= MAX_NAME_LENGTH;
}

/** The octets of a label, one a character. */
function octets(label: string): string {
  return label.replace(/\\(\d{3})/g, (_, octet) => String.fromCharCode(Number(octet)));
}

/** A label up to and with its first octet that is of no use here. */
function upToUnusable(label: string): string {
  const at = label.search(UNUSABLE);
  return at < 0 ? label : label.slice(0, at + 1);
}
