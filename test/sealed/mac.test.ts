import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  COOKIE_SECRET_MS,
  CookieChecker,
  type CookieSource,
} from '../../src/sealed/cookie-checker.js';
import { generateKeyPair } from '../../src/sealed/key-pair.js';
import { hasMac2, MessageMacs, writeMac2 } from '../../src/sealed/mac.js';
import { MESSAGE_LENGTH, mac2Offset, writeCookie, writeInitiation } from '../../src/wire/sealed.js';

const AT = 5;
const LENGTH = MESSAGE_LENGTH.initiation;
const server = generateKeyPair().publicKey;
const macs = new MessageMacs(server);

function initiation(): Uint8Array {
  const bytes = new Uint8Array(AT + LENGTH);
  writeInitiation(bytes, AT, 99, new Uint8Array(108).fill(3));
  macs.writeMac1(bytes, AT, LENGTH);
  return bytes;
}

/** Checks that a test of a message fails when any byte of a range is changed. */
function failsWhenChanged(bytes: Uint8Array, from: number, to: number, check: () => boolean): void {
  assert.ok(check());
  for (let at = AT + from; at < AT + to; at++) {
    bytes[at]! ^= 0x80;
    assert.equal(check(), false, `byte ${at - AT}`);
    bytes[at]! ^= 0x80;
  }
}

describe('mac1', () => {
  it('mac1 covers the initiation up to it', () => {
    const bytes = initiation();
    failsWhenChanged(bytes, 0, mac2Offset(LENGTH), () => macs.hasMac1(bytes, AT, LENGTH));
  });

  it("needs the server's key", () => {
    assert.equal(
      new MessageMacs(generateKeyPair().publicKey).hasMac1(initiation(), AT, LENGTH),
      false,
    );
  });
});

describe('mac2', () => {
  it('mac2 covers mac1 as well, and needs the cookie', () => {
    const bytes = initiation();
    const cookie = new Uint8Array(16).fill(5);
    assert.equal(hasMac2(bytes, AT, LENGTH, cookie), false);
    writeMac2(bytes, AT, LENGTH, cookie);
    failsWhenChanged(bytes, 0, LENGTH, () => hasMac2(bytes, AT, LENGTH, cookie));
    assert.equal(hasMac2(bytes, AT, LENGTH, new Uint8Array(16)), false);
    assert.ok(macs.hasMac1(bytes, AT, LENGTH));
  });
});

describe("a cookie message's tag", () => {
  const mac1 = new Uint8Array(20).fill(8);
  const bytes = new Uint8Array(AT + MESSAGE_LENGTH.cookie);
  writeCookie(bytes, AT, 7, new Uint8Array(16).fill(6));
  macs.writeTag(bytes, AT, mac1, 4);

  it('the tag of a cookie message covers it and the initiation that it answers', () => {
    failsWhenChanged(bytes, 0, MESSAGE_LENGTH.cookie, () => macs.hasTag(bytes, AT, mac1, 4));
    assert.equal(macs.hasTag(bytes, AT, new Uint8Array(20), 4), false);
  });

  it("needs the server's key", () => {
    const others = new MessageMacs(generateKeyPair().publicKey);
    assert.equal(others.hasTag(bytes, AT, mac1, 4), false);
  });
});

const SOURCE: CookieSource = {
  family: 4,
  addresses: Uint8Array.of(0, 192, 0, 2, 1, 0),
  addressAt: 1,
  port: 40001,
};
const OTHERS: readonly CookieSource[] = [
  { ...SOURCE, port: 40002 },
  { ...SOURCE, addressAt: 2 },
  {
    ...SOURCE,
    family: 6,
    addresses: Uint8Array.from({ length: 17 }, (_, i) => [0, 192, 0, 2, 1][i] ?? 0),
  },
];

describe('a cookie', () => {
  it('a cookie proves its source only', () => {
    const jar = new CookieChecker(0);
    const bytes = initiation();
    assert.equal(jar.accepts(bytes, AT, LENGTH, SOURCE, 0), false);
    writeMac2(bytes, AT, LENGTH, jar.cookie(SOURCE, 0));
    assert.ok(jar.accepts(bytes, AT, LENGTH, SOURCE, 0));
    for (const other of OTHERS) {
      assert.equal(jar.accepts(bytes, AT, LENGTH, other, 0), false);
    }
    assert.equal(new CookieChecker(0).accepts(bytes, AT, LENGTH, SOURCE, 0), false);
  });

  it('a cookie is valid for one or two lives of a secret', () => {
    for (const made of [0, COOKIE_SECRET_MS - 1]) {
      const jar = new CookieChecker(0);
      const bytes = initiation();
      writeMac2(bytes, AT, LENGTH, jar.cookie(SOURCE, made));
      assert.ok(jar.accepts(bytes, AT, LENGTH, SOURCE, COOKIE_SECRET_MS));
      assert.ok(jar.accepts(bytes, AT, LENGTH, SOURCE, 2 * COOKIE_SECRET_MS - 1));
      assert.equal(jar.accepts(bytes, AT, LENGTH, SOURCE, 2 * COOKIE_SECRET_MS), false);
    }
  });

  it('a cookie is not valid after a long silence', () => {
    const jar = new CookieChecker(0);
    const bytes = initiation();
    writeMac2(bytes, AT, LENGTH, jar.cookie(SOURCE, 0));
    assert.equal(jar.accepts(bytes, AT, LENGTH, SOURCE, 2 * COOKIE_SECRET_MS), false);
  });
});

describe("a challenge's token", () => {
  it('a path token proves its source to its session only, while it is valid', () => {
    const jar = new CookieChecker(0);
    const token = Uint8Array.of(0, ...jar.token(5, SOURCE, 0));
    assert.equal(token.length, 9);
    assert.ok(jar.acceptsToken(token, 1, 5, SOURCE, 0));
    assert.ok(jar.acceptsToken(token, 1, 5, SOURCE, COOKIE_SECRET_MS));
    assert.equal(jar.acceptsToken(token, 1, 6, SOURCE, 0), false);
    for (const other of OTHERS) {
      assert.equal(jar.acceptsToken(token, 1, 5, other, 0), false);
    }
    assert.equal(jar.acceptsToken(token, 1, 5, SOURCE, 2 * COOKIE_SECRET_MS), false);
  });
});
