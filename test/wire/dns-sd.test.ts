import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { base32 } from '@scure/base';
import fc from 'fast-check';
import {
  instanceLabel,
  instanceName,
  isWithin,
  parseZone,
  placeOf,
  serviceName,
} from '../../src/wire/dns-sd.js';
import { parsePublicKey, publicKey } from '../../src/wire/key.js';

describe('names of the DNS-SD approach', () => {
  it('are those of the published example', () => {
    const labels = {
      'xScVkH3fUGUv4RrJFfmcqm8rs3SEHr41km6+yffAHw4=':
        'yutrled535igkl7bdlerl6m4vjxsxm3uqqpl4nmsn27mt56ad4ha====',
      'syKB97XhGnvC+kynh2KqQJPXoOoOpx/HmpMRTc+r4js=':
        'wmrid55v4enhxqx2jstyoyvkicj5pihkb2tr7r42smiu3t5l4i5q====',
    };
    for (const [key, label] of Object.entries(labels)) {
      assert.equal(instanceLabel(parsePublicKey(key)), label);
    }
    assert.equal(serviceName('example.com'), '_wireguard._udp.example.com');
  });

  it('of every key are one label, which leads to its place and back to the key', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
        const label = instanceLabel(publicKey(bytes));
        assert.match(label, /^[a-z2-7]{52}====$/);
        const name = instanceName(label, 'example.com');
        assert.ok(isWithin(name, 'example.com'));
        assert.deepEqual(placeOf(name, 'example.com'), { kind: 'instance', label });
        assert.deepEqual(base32.decode(label.toUpperCase()), bytes);
      }),
    );
  });

  it('stand for places, and are within their zone only', () => {
    const kinds = {
      'vpn.org': 'apex',
      'ns1.vpn.org': 'nameserver',
      '_udp.vpn.org': 'protocol',
      '_wireguard._udp.vpn.org': 'service',
      'x._wireguard._udp.vpn.org': 'instance',
      'x.y._wireguard._udp.vpn.org': 'nowhere',
      'x_wireguard._udp.vpn.org': 'nowhere',
      '_tcp.vpn.org': 'nowhere',
      'ns2.vpn.org': 'nowhere',
    };
    for (const [name, kind] of Object.entries(kinds)) {
      assert.ok(isWithin(name, 'vpn.org'), name);
      assert.equal(placeOf(name, 'vpn.org').kind, kind, name);
    }
    for (const name of ['', 'org', 'xvpn.org', 'vpn.org.x', 'vpn\\046org']) {
      assert.equal(isWithin(name, 'vpn.org'), false, name);
    }
  });

  it('of zones are host names, in lower case and with room for a key', () => {
    assert.equal(parseZone('VPN.Example.COM.'), 'vpn.example.com');
    assert.equal(parseZone('internal'), 'internal');
    const longest = `${'a'.repeat(60)}.${'b'.repeat(60)}.${'c'.repeat(58)}`;
    assert.equal(parseZone(longest), longest);
    for (const text of ['', '.', 'a..b', '-a.org', 'a b.org', 'a.org..', `${longest}d`, 'é.org']) {
      assert.throws(() => parseZone(text), RangeError, text);
    }
    assert.throws(() => parseZone('a'.repeat(64)), RangeError);
  });
});
