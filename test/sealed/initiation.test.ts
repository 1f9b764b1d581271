import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openInitiation } from '../../src/sealed/handshake.js';
import { Initiation } from '../../src/sealed/initiation.js';
import { generateKeyPair } from '../../src/sealed/key-pair.js';
import { hasMac2, MessageMacs } from '../../src/sealed/mac.js';
import { Transport } from '../../src/sealed/transport.js';
import {
  MESSAGE_LENGTH,
  mac1Offset,
  mac2Offset,
  OFFSET,
  writeCookie,
  writeNotice,
  writeResponse,
} from '../../src/wire/sealed.js';
import { FrameWriter } from '../../src/wire/sealed-frame-writer.js';
import { encodeResponsePayload, STATUS, type Status } from '../../src/wire/sealed-response.js';
import { encodeTai64n } from '../../src/wire/tai64n.js';

const server = generateKeyPair();
const macs = new MessageMacs(server.publicKey);
const COOKIE = new Uint8Array(16).fill(3);
const { noise } = OFFSET.initiation;
const LENGTH = MESSAGE_LENGTH.initiation;
const mac1 = mac1Offset(LENGTH);

function initiate(localIndex = 7): Initiation {
  return new Initiation(generateKeyPair(), macs, localIndex, encodeTai64n(1_700_000_000_000));
}

/** A cookie message for an initiation; `makers` are those of the server that makes it. */
function cookieFor(initiation: Initiation, receiver = 7, makers = macs): Uint8Array {
  const message = new Uint8Array(MESSAGE_LENGTH.cookie);
  writeCookie(message, 0, receiver, COOKIE);
  makers.writeTag(message, 0, initiation.encode(undefined), mac1);
  return message;
}

/** The server's response, and the keys that it has then. */
function respondTo(initiation: Initiation, status: Status = STATUS.welcome, receiver = 7) {
  const bytes = initiation.encode(undefined).slice(noise, mac1);
  const payload = { status, tookWant: false, ttlSeconds: 180, maxWanted: 100, clockMs: 0 };
  const responded = openInitiation(server, bytes)!.respond(encodeResponsePayload(payload))!;
  const message = new Uint8Array(MESSAGE_LENGTH.response);
  writeResponse(message, 0, receiver, 0xfedcba98, responded.noise);
  return { message, keys: responded.keys };
}

describe('an initiation', () => {
  it('an initiation has a right mac1, and mac2 once there is a cookie', () => {
    const initiation = initiate();
    const first = initiation.encode(undefined).slice();
    assert.equal(first.length, 148);
    assert.ok(macs.hasMac1(first, 0, LENGTH));
    assert.ok(first.subarray(mac2Offset(LENGTH)).every((byte) => byte === 0));
    assert.equal(initiation.isSpent, false);
    const second = initiation.encode(COOKIE);
    assert.ok(hasMac2(second, 0, LENGTH, COOKIE));
    assert.ok(initiation.isSpent);
    assert.deepEqual(second.subarray(0, mac1), first.subarray(0, mac1));
  });

  it('an initiation with a want list has its macs at its end, and seals cookie and list to the server', () => {
    const want = new FrameWriter().beginWant(1, 0, 1).addKey(server.publicKey);
    const early = { cookie: COOKIE, want: want.bytes.slice(0, want.length) };
    const timestamp = encodeTai64n(1_700_000_000_000);
    const bytes = new Initiation(generateKeyPair(), macs, 7, timestamp, early).encode(COOKIE);
    assert.equal(bytes.length, 176 + 32);
    assert.ok(macs.hasMac1(bytes, 0, bytes.length));
    assert.ok(hasMac2(bytes, 0, bytes.length, COOKIE));
    const opened = openInitiation(server, bytes.slice(noise, mac1Offset(bytes.length)));
    assert.deepEqual(opened?.payload, { timestamp, early });
    for (let at = 0; at < mac2Offset(bytes.length); at++) {
      const changed = bytes.slice();
      changed[at]! ^= 0x80;
      assert.equal(macs.hasMac1(changed, 0, bytes.length), false, `byte ${at}`);
    }
  });

  it('an initiation accepts a cookie that the server made for it', () => {
    const initiation = initiate();
    assert.deepEqual(initiation.readCookie(cookieFor(initiation)), COOKIE);
  });

  it('an initiation accepts no cookie with a wrong tag, for another index, initiation or server', () => {
    const initiation = initiate();
    const genuine = cookieFor(initiation);
    for (const at of [OFFSET.cookie.cookie, OFFSET.cookie.tag, MESSAGE_LENGTH.cookie - 1]) {
      const forged = genuine.slice();
      forged[at]! ^= 1;
      assert.equal(initiation.readCookie(forged), undefined, `byte ${at}`);
    }
    assert.equal(initiation.readCookie(cookieFor(initiation, 8)), undefined);
    assert.equal(initiation.readCookie(cookieFor(initiate())), undefined);
    const stranger = new MessageMacs(generateKeyPair().publicKey);
    assert.equal(initiation.readCookie(cookieFor(initiation, 7, stranger)), undefined);
  });

  it('an initiation makes a session of a welcome', () => {
    const initiation = initiate();
    const { message, keys } = respondTo(initiation);
    const accepted = initiation.accept(message);
    assert.equal(accepted?.remoteIndex, 0xfedcba98);
    assert.equal(accepted.payload.maxWanted, 100);
    const sealed = new Uint8Array(48);
    const length = new Transport(keys).seal(7, Uint8Array.of(1, 2), 2, sealed, 0);
    const opened = new Uint8Array(16);
    assert.equal(accepted.transport?.open(sealed, 0, length, opened), 16);
    assert.deepEqual(opened.subarray(0, 2), Uint8Array.of(1, 2));
  });

  it('an initiation makes no session of a refusal, of a response for another index, or after wipe', () => {
    const refused = initiate();
    const accepted = refused.accept(respondTo(refused, STATUS.full).message);
    assert.equal(accepted?.payload.status, STATUS.full);
    assert.equal(accepted.transport, undefined);
    const other = initiate();
    assert.equal(other.accept(respondTo(other, STATUS.welcome, 8).message), undefined);
    const wiped = initiate();
    const { message } = respondTo(wiped);
    wiped.wipe();
    assert.equal(wiped.accept(message), undefined);
  });

  it('an initiation recognizes the notice that echoes it', () => {
    const initiation = initiate();
    const notice = new Uint8Array(MESSAGE_LENGTH.notice);
    writeNotice(notice, 0, 2, initiation.encode(undefined), mac1);
    assert.ok(initiation.isEchoedBy(notice));
    assert.equal(initiate().isEchoedBy(notice), false);
  });
});
