import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { runCommand } from './run-command.js';

const KEY = 'xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=';

const OTHER_KEY = Buffer.alloc(32, 7).toString('base64');

/** A registry that lacks nothing. */
const DNS = 'dns server --zone example.com --interface lo';

/** Arguments that cannot be used, and what the one line about them says. */
const UNUSABLE: readonly [args: string, said: RegExp][] = [
  ['nonsense', /unknown command 'nonsense'/],
  ['server extra', /too many arguments/],
  ['server --listen 127.0.0.1', /--listen.*expected ADDRESS:PORT.*got 127\.0\.0\.1/],
  ['server --listen localhost:1', /not an IP address: localhost/],
  ['server --listen 127.0.0.1:65536', /a port is 0\.\.65535, got 65536/],
  ['server --listen ::1:1', /expected ADDRESS:PORT/],
  ['server --listen 192.0.2.1:5000', /192\.0\.2\.1:5000.*no such address/],
  ['server --listen [2001:db8::1]:1', /\[2001:db8::1\]:1 \(EADDRNOTAVAIL\).*no such address/],
  ['server --listen [fe80::1]:1', /\[fe80::1\]:1 \(EINVAL\).*needs its zone/],
  ['server --listen [fe80::1%nope]:1', /no interface nope .*fe80::1%nope/],
  ['server --listen [fe80::1%999999]:1', /\[fe80::1%999999\]:1 \(ENODEV\): .*no such interface/],
  ['server --listen 127.0.0.1:5 --listen 127.0.0.1:5', /--listen.*given twice: leave one out/],
  ['server --listen [::1]:5 --listen [0:0::1]:5', /--listen.*given twice: leave one out/],
  [`${DNS} --listen 0.0.0.0:5 --listen 0.0.0.0:5`, /--listen.*given twice: leave one out/],
  ['server --max-peers 0', /--max-peers.*whole number from 1 to 10000000/],
  ['server --max-peers many', /--max-peers.*whole number/],
  ['server --max-peers 10000001', /--max-peers.*whole number/],
  ['server --peer-ttl 0', /--peer-ttl.*number from 0\.1/],
  ['server --peer-ttl -1', /--peer-ttl/],
  ['server --source-rate x', /--source-rate.*whole number/],
  ['server --source-burst 0', /--source-burst.*whole number/],
  ['server --source-share 1', /--source-share.*number from/],
  ['server --receive-buffer 1', /--receive-buffer.*whole number/],
  ['server --metrics 9090', /--metrics.*expected ADDRESS:PORT/],
  ['server --listen 127.0.0.1:0 --metrics 192.0.2.1:9090', /192\.0\.2\.1:9090.*no such address/],
  ['server --log-level loud', /--log-level.*Allowed choices/],
  ['server --log-format xml', /--log-format.*Allowed choices/],
  [`${DNS} --wg bin/wg`, /--wg.*expected an absolute path/],
  ['client wg0 192.0.2.1 --wg wg', /--wg.*expected an absolute path/],
  ['client wg0 192.0.2.1 --refresh 0', /--refresh.*whole number from 1 to 120/],
  ['server --nope', /unknown option '--nope'/],
  ['dns nonsense', /unknown command 'nonsense'/],
  ['dns server', /required option '--zone <zone>' not specified/],
  ['dns server --zone example.com', /required option '--interface <name>' not specified/],
  [`${DNS} --zone -x.org`, /--zone.*a zone is labels of letters/],
  [`${DNS} --zone ${'a.'.repeat(91)}org`, /--zone.*at most 180 characters/],
  [`${DNS} --zone b.org --zone B.ORG.`, /same --zone is given twice/],
  [`${DNS} --zone b.org --self --self --self`, /3 times --self for 2 of --zone/],
  [`${DNS} --self 192.0.2.1`, /--self.*expected ADDRESS:PORT/],
  [`${DNS} --self 192.0.2.1:0`, /--self.*port above 0/],
  [`${DNS} --self 192.0.2.1:1,10.0.0.1`, /--self.*expected ADDRESS\/LENGTH, got 10\.0\.0\.1/],
  [`${DNS} --self 10.0.0.0/33`, /--self.*expected ADDRESS\/LENGTH/],
  [`${DNS} --listen 53`, /--listen.*expected ADDRESS:PORT/],
  [`${DNS} --log-level error --public --listen 192.0.2.1:53`, /192\.0\.2\.1:53 .*no such address/],
  [`${DNS} --max-age -1`, /--max-age/],
  [`${DNS} --max-stale -1`, /--max-stale/],
  [`${DNS} --max-age 1h`, /--max-age.*number from 0 to 3600/],
  [`${DNS} --reply-rate x`, /--reply-rate.*whole number/],
  [`${DNS} --public --tunnel-only`, /'--tunnel-only' cannot be used with option '--public'/],
  [`${DNS} --metrics 9090`, /--metrics.*expected ADDRESS:PORT/],
  [`${DNS} --source-rate x`, /--source-rate.*whole number/],
  ['client', /missing required argument/],
  ['client wg0', /there is no server: give it behind wg0, or as Server = in .*wg0\.conf/],
  [`client wg0 ${KEY.slice(1)}@host`, /not a key/],
  [`client wg0 ${KEY}@bad..host`, /expected HOST, HOST:PORT/],
  [`client wg0 ${'A'.repeat(43)}=@host`, /not a key that a server can have/],
  [`client wg0 ${KEY}@host --server-key ${OTHER_KEY}`, /another key than --server-key/],
  ['client wg0 host --peers-only', /--peers-only is about --once/],
  ['client wg0 host --background --once', /'--background' cannot be used with option '--once'/],
  ['client wg0 host --metrics 9090', /--metrics.*expected ADDRESS:PORT/],
  ['client wg0 --config /no/such/file', /cannot read the settings \/no\/such\/file \(ENOENT\)/],
  ['client wg0 --config /dev/null', /\/dev\/null is no file of settings/],
  ['server --config /no/such/file', /cannot read the settings .*ENOENT/],
  ['client wg0 host host', /the server host:49918 is given twice/],
  [`client wg0 host ${'A'.repeat(43)}=@other`, /the server host:49918 has no key, and others have/],
  ['client wg0 a b c d e f g h i', /9 servers are given: a client uses at most 8/],
  ['check wg0 a b c d e f g h i', /9 servers are given: a check looks at 8 at most/],
  ['client a-name-of-16-chr host', /interface name has 1 to 15 characters/],
  ['client wg0 host --server-key short', /--server-key.*not a key/],
  [
    `client wg0 host --server-key ${'A'.repeat(43)}=`,
    /--server-key: not a key that a server can have/,
  ],
  ['client wg/0 host', /interface name/],
  ['client wg0 bad..host', /expected HOST, HOST:PORT, or \[IPV6\]:PORT/],
  ['client wg0 1.2.3', /expected HOST/],
  ['client wg0 256.1.1.1', /expected HOST/],
  ['client wg0 host:0', /a port is 1 to 65535/],
  ['client wg0 host:65536', /a port is 1 to 65535/],
  ['client wg0 [1.2.3.4]:5', /expected HOST/],
  ['client wg0 host --peer key', /--peer.*not a key: expected 44 characters/],
  [`client wg0 host --peer ${KEY.slice(0, -2)}h=`, /--peer.*stray bits/],
  ['client wg0 host --keepalive 65536', /--keepalive.*whole number from 0 to 65535/],
  ['client wg0 host --timeout soon', /--timeout.*number from 0/],
  ['status wg/0', /interface name/],
  ['status wg0 wg1', /too many arguments/],
  ['check', /missing required argument 'interface'/],
  ['check wg0 bad..host', /expected HOST, HOST:PORT/],
  ['check wg0 short@host', /not a key: expected 44 characters/],
  [`check wg0 ${KEY}@host:0`, /a port is 1 to 65535/],
  ['dns keygen --zone z', /required option '--key <file>'/],
  ['dns keygen --key k', /required option '--zone <zone>'/],
  ['dns keygen --zone a..b --key k', /--zone.*a zone is labels/],
  ['dns keygen --zone z --key /dev/null/key', /cannot use the key file \/dev\/null\/key/],
  [
    'dns server --zone z --interface i --dnssec /no',
    /\/no \(ENOENT\): there is no such file; make it/,
  ],
  ['dns client --dns 10.9.0.1 --zone a', /missing required argument 'interface'/],
  ['dns client wg0', /required option '--dns <addr\[:port\]>' not specified/],
  ['dns client wg0 --dns 10.9.0.1', /required option '--zone <zone>' not specified/],
  ['dns client wg0 --dns 10.9.0.1:0 --zone a', /--dns.*a port is 1 to 65535/],
  ['dns client wg0 --dns bad..host --zone a', /--dns.*expected HOST, HOST:PORT/],
  ['dns client wg0 --dns 10.9.0.1 --zone a..b', /--zone.*a zone is labels/],
  ['dns client wg/0 --dns 10.9.0.1 --zone a', /interface name/],
  ['dns client wg0 --dns 10.9.0.1 --zone a extra', /too many arguments/],
];

describe('arguments that cannot be used', { concurrency: 4 }, () => {
  for (const [args, said] of UNUSABLE) {
    it(args, async () => {
      const { code, stdout, stderr } = await runCommand(args.split(' '));
      assert.equal(code, 2, stderr);
      assert.equal(stdout, '');
      assert.match(stderr, said);
      assert.match(stderr, /^error: [^\n]+\n$/, 'one line');
    });
  }

  it('a port in use', async () => {
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const { port } = socket.address();
    const { code, stderr } = await runCommand(['server', '--listen', `127.0.0.1:${port}`]);
    socket.close();
    assert.equal(code, 2);
    assert.match(
      stderr,
      new RegExp(`^error: [^\\n]*127\\.0\\.0\\.1:${port}[^\\n]*in use[^\\n]*\\n$`),
    );
  });

  it('a privileged port without the privilege', async () => {
    for (const args of ['--listen 127.0.0.1:1', '--listen 127.0.0.1:0 --metrics 127.0.0.1:1']) {
      const { code, stdout, stderr } = await runCommand(['server', ...args.split(' ')], {
        uid: 65534,
      });
      assert.deepEqual([code, stdout], [2, ''], args);
      assert.match(stderr, /^error: [^\n]*127\.0\.0\.1:1\b[^\n]*CAP_NET_BIND_SERVICE[^\n]*\n$/);
    }
  });
});

describe('without arguments', () => {
  it('shows the usage, and fails', async () => {
    const { code, stderr } = await runCommand([]);
    assert.equal(code, 2);
    assert.match(stderr, /Usage: wg-rendezvous/);
  });

  it('--help and --version succeed', async () => {
    for (const args of [['--help'], ['server', '--help'], ['client', '--help'], ['--version']]) {
      const { code, stdout } = await runCommand(args);
      assert.equal(code, 0);
      assert.notEqual(stdout, '');
    }
  });

  it('the help has defaults, and nothing that is for the parser alone', async () => {
    const { code, stdout } = await runCommand(['dns', 'server', '--help']);
    assert.equal(code, 0);
    const text = stdout.replace(/\s+/g, ' ');
    assert.match(
      text,
      /--self \[endpoint\[,allowed-ip\.{3}\]\] list this .* for one zone each --tunnel/,
    );
    assert.match(text, /--max-age <seconds> .* \(default: 1\)/);
    assert.doesNotMatch(text, /preset|undefined/);
  });
});
