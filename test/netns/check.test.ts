import assert from 'node:assert/strict';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { createLab, type LabHost, until } from '../../src/lab/index.js';
import { PROGRAM } from '../cli/run-command.js';
import { errorsAgainst } from '../client/status-schema.js';
import { connected, spawnCommand, startClient, startServer } from './our-programs.js';
import { SealedServer, said } from './sealed-programs.js';

const HOSTS = { a: { nat: 'cone' }, b: { nat: 'cone' } } as const;

/** A check has 15 s; the start of Node on a busy machine comes on top. */
const LIMIT_SECONDS = 15;

interface Finding {
  readonly item: string;
  readonly mark: string;
  readonly seen: string;
  readonly advice?: string;
}

interface Checked {
  readonly code: number | null;
  readonly findings: readonly Finding[];
  /** What there is to do, a line each. */
  readonly problems: readonly string[];
}

async function check(host: LabHost, ...servers: string[]): Promise<Checked> {
  // Without servers it runs beside a client, which sets endpoints and keepalives meanwhile.
  const isBesideClient = servers.length === 0;
  const before = await stateOf(host, isBesideClient);
  const process = spawnCommand(host, 'check', host.wireguard.interface, ...servers, '--json');
  const { code } = await process.exited;
  const result = JSON.parse(process.stdout || '{}') as { seconds: number; findings: Finding[] };
  assert.deepEqual(errorsAgainst('check.schema.json', result), [], process.stderr);
  assert.ok(result.seconds < LIMIT_SECONDS, `${result.seconds} s`);
  assert.deepEqual(await stateOf(host, isBesideClient), before, 'a check changes nothing');
  const problems = result.findings
    .filter(({ mark }) => mark === 'problem')
    .map(({ item, seen, advice }) => `${item}: ${seen} -> ${advice}`);
  return { code, findings: result.findings, problems };
}

/** What a check must not change: WireGuard's settings, rules, addresses and kernel settings. */
async function stateOf(host: LabHost, isBesideClient: boolean): Promise<string[]> {
  const name = host.wireguard.interface;
  const wg = await host.outcome('wg', ['showconf', name]);
  const nft = await host.exec('nft', ['-s', 'list', 'ruleset']);
  const ip = await host.exec('ip', ['rule']);
  const sysctl = await host.exec('sysctl', ['net.ipv4.conf.all.rp_filter']);
  const client = isBesideClient ? /^(Endpoint|PersistentKeepalive) = .*\n/gm : /(?!)/g;
  return [
    wg.stdout.replace(client, ''),
    nft.replace(/counter packets \d+ bytes \d+/g, 'counter'),
    ip,
    sysctl,
  ];
}

/** The one thing that is wrong, and that nothing else is said to be. */
function onlyProblem({ code, problems }: Checked, pattern: RegExp): void {
  assert.equal(code, 1);
  const others = problems.filter((text) => !pattern.test(text) && !text.startsWith('peer: '));
  assert.ok(
    problems.some((text) => pattern.test(text)),
    problems.join('\n'),
  );
  assert.deepEqual(others, []);
}

describe('check with nothing wrong', { concurrency: 2 }, () => {
  it('beside a client of the sealed protocol: exits 0, and uses what the client knows', async () => {
    await using lab = await createLab({ hosts: HOSTS });
    await using server = await SealedServer.start(lab);
    const client = server.client(lab.host('a'));
    server.client(lab.host('b'));
    await connected(lab, ['a', 'b']);
    // What the client knows is shown, and it may learn of the handshake later than we.
    await said(client, /: connected, /);
    const { code, findings, problems } = await check(lab.host('a'));
    assert.deepEqual([code, problems], [0, []]);
    const text = findings.map(({ item, seen }) => `${item}: ${seen}`).join('\n');
    assert.match(text, /^server: .* over IPv4 answers in [\d.]+ ms, with the right key$/m);
    assert.match(text, /^client: pid \d+ runs, 1 of 1 peers connected$/m);
    assert.match(text, /^peer: .{8}: connected, direct at /m);
    const items = findings
      .map(({ item }) => item)
      .filter((item, i, all) => all.indexOf(item) === i);
    const order = ['interface', 'peers', 'server', 'route', 'server-address', 'mapping', 'nat'];
    assert.deepEqual(items.slice(0, order.length), order);
    assert.equal(items.at(-1), 'peer');
  });

  it("without a client: sends from WireGuard's port, and registers nothing", async () => {
    await using lab = await createLab({ hosts: HOSTS });
    await startServer(lab.rendezvous);
    const { address } = lab.rendezvous;
    const a = lab.host('a');
    const { code, findings } = await check(a, address);
    assert.equal(code, 1, 'b is not registered');
    const mapped = await lab.mappedEndpoint('a', 'rv');
    const seen = findings.find(({ item }) => item === 'mapping')?.seen;
    assert.equal(seen, `seen at ${mapped?.address}:${mapped?.port}`);
    // b's own check asks about a, which would be known had the check of a registered it.
    const other = await check(lab.host('b'), address);
    assert.match(other.problems.join('\n'), /^peer: .*: not registered with the server/m);
  });

  it('without a client: asks the router whether it maps ports, and requests no mapping', async () => {
    await using lab = await createLab({
      hosts: { a: { nat: 'port-mapping' }, b: { nat: 'cone' } },
    });
    await startServer(lab.rendezvous);
    const { address } = lab.rendezvous;
    const offered = async (host: LabHost) =>
      (await check(host, address)).findings.find(({ item }) => item === 'port-mapping')?.seen;
    const a = lab.host('a');
    const outside = a.outsideAddresses[0];
    assert.equal(
      await offered(a),
      `the router 10.1.0.1 maps ports by PCP, NAT-PMP, UPnP at ${outside}`,
    );
    const chain = ['list', 'chain', 'inet', 'filter', 'prerouting_miniupnpd'];
    assert.doesNotMatch((await a.gateways[0]?.exec('nft', chain)) ?? '', /dnat/);
    assert.match((await offered(lab.host('b'))) ?? '', /^the router 10\.2\.0\.1 maps no port/);
  });

  it('without root says in one line which privilege it needs', async () => {
    await using lab = await createLab({ hosts: HOSTS });
    const a = lab.host('a');
    const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups'];
    const command = [process.execPath, PROGRAM, 'check', a.wireguard.interface, '127.0.0.1'];
    const unprivileged = a.spawn('setpriv', [...nobody, ...command]);
    assert.deepEqual(await unprivileged.exited, { code: 1, signal: null });
    assert.match(unprivileged.stderr, /^error: [^\n]*CAP_NET_ADMIN[^\n]*\n$/);
  });

  it('prints lines that fit the terminal', async () => {
    await using lab = await createLab({ hosts: HOSTS });
    await startServer(lab.rendezvous);
    const a = lab.host('a');
    const run = `stty cols 40 && "$@"`;
    const command = [
      process.execPath,
      PROGRAM,
      'check',
      a.wireguard.interface,
      lab.rendezvous.address,
    ];
    const script = 'import pty, sys; pty.spawn(sys.argv[1:])';
    const terminal = a.spawn('python3', ['-c', script, 'sh', '-c', run, 'sh', ...command]);
    await terminal.exited;
    const lines = terminal.stdout.replace(/\p{Cc}\[[\d;]*m/gu, '').split('\r\n');
    assert.ok(lines.length > 10, terminal.stdout);
    assert.deepEqual(
      lines.filter((line) => line.length > 40),
      [],
    );
  });
});

describe('check names what is broken', { concurrency: 2 }, () => {
  it('1: the interface is down', async () => {
    await using lab = await createLab({ hosts: HOSTS });
    await startServer(lab.rendezvous);
    const a = lab.host('a');
    await a.ip([`link set ${a.wireguard.interface} down`]);
    onlyProblem(await check(a, lab.rendezvous.address), /^interface: .* is down -> bring it up/);
  });

  it('2: there are no peers', async () => {
    await using lab = await createLab({ hosts: HOSTS, peers: false });
    await startServer(lab.rendezvous);
    onlyProblem(
      await check(lab.host('a'), lab.rendezvous.address),
      /^peers: .* has no peers -> add/,
    );
  });

  it('3: a peer has no AllowedIPs', async () => {
    await using lab = await createLab({ hosts: HOSTS });
    await startServer(lab.rendezvous);
    const a = lab.host('a');
    const peer = lab.host('b').wireguard.publicKey;
    await a.exec('wg', ['set', a.wireguard.interface, 'peer', peer, 'allowed-ips', '']);
    onlyProblem(await check(a, lab.rendezvous.address), /^peers: .{8} has no AllowedIPs/);
  });

  it('4: an endpoint is pinned, and wrong', async () => {
    await using lab = await createLab({ hosts: HOSTS });
    await startServer(lab.rendezvous);
    const a = lab.host('a');
    const peer = lab.host('b').wireguard.publicKey;
    await a.exec('wg', ['set', a.wireguard.interface, 'peer', peer, 'endpoint', '198.51.100.77:1']);
    onlyProblem(
      await check(a, lab.rendezvous.address),
      /^peers: .* endpoint 198\.51\.100\.77:1, which no server reported/,
    );
  });

  it('5: the server cannot be reached', async () => {
    await using lab = await createLab({ hosts: HOSTS });
    await lab.host('a').cable.block({ direction: 'outbound', destinationPort: 49918 });
    await startServer(lab.rendezvous);
    onlyProblem(
      await check(lab.host('a'), lab.rendezvous.address),
      /^server: .*: no answer -> is the/,
    );
  });

  it('6: the server has another key', async () => {
    await using lab = await createLab({ hosts: HOSTS });
    await using _server = await SealedServer.start(lab);
    const wrong = lab.host('b').wireguard.publicKey;
    onlyProblem(
      await check(lab.host('a'), `${wrong}@${lab.rendezvous.address}`),
      /^server: .*has another key than the one given -> compare/,
    );
  });

  it('7: the server has no key', async () => {
    await using lab = await createLab({ hosts: HOSTS });
    await startServer(lab.rendezvous);
    const key = lab.host('b').wireguard.publicKey;
    onlyProblem(
      await check(lab.host('a'), `${key}@${lab.rendezvous.address}`),
      /^server: .*speaks the classic protocol only, or has another key -> start it with --key/,
    );
  });

  it('8: the server does not let this host register', async () => {
    await using lab = await createLab({ hosts: HOSTS });
    const allow = `/tmp/wgr-allow-${process.pid}`;
    writeFileSync(allow, `${lab.host('b').wireguard.publicKey}\n`);
    try {
      await using server = await SealedServer.start(lab, '--allow', allow);
      onlyProblem(
        await check(lab.host('a'), `${server.key}@${lab.rendezvous.address}`),
        /^server: .*does not let this host register -> add/,
      );
    } finally {
      rmSync(allow);
    }
  });

  it("9: the server's address lies inside the AllowedIPs", async () => {
    await using lab = await createLab({ hosts: HOSTS });
    await startServer(lab.rendezvous);
    const a = lab.host('a');
    const peer = lab.host('b').wireguard.publicKey;
    const allowed = `10.200.0.2/32,${lab.rendezvous.address}/32`;
    await a.exec('wg', ['set', a.wireguard.interface, 'peer', peer, 'allowed-ips', allowed]);
    onlyProblem(
      await check(a, lab.rendezvous.address),
      /^server-address: .* lies inside .* AllowedIPs -> use its public address/,
    );
  });

  it('10: the server has a private address', async () => {
    await using lab = await createLab({
      hosts: { a: { nat: 'cone' }, b: { sameNatAs: 'a' } },
    });
    const b = lab.host('b');
    await startServer(b);
    onlyProblem(await check(lab.host('a'), b.address), /^server-address: .* is private: it sees/);
  });

  it('11: a firewall of this host drops what arrives at the port', async () => {
    await using lab = await createLab({ hosts: HOSTS });
    await startServer(lab.rendezvous);
    const a = lab.host('a');
    await a.nft(`table inet filter {
      chain input {
        type filter hook input priority 0; policy accept;
        iifname "lo" accept
        udp dport 51820 drop
      }
    }`);
    const { code, problems } = await check(a, lab.rendezvous.address);
    assert.equal(code, 1);
    assert.match(
      problems.join('\n'),
      /^firewall: packets from the server are dropped by nft inet filter input: udp dport 51820 drop -> let UDP to port 51820 in/m,
    );
  });

  it('12: a firewall of this host forbids to send (EPERM)', async () => {
    await using lab = await createLab({ hosts: HOSTS });
    await startServer(lab.rendezvous);
    const a = lab.host('a');
    await a.nft(`table inet filter {
      chain output {
        type filter hook output priority 0; policy accept;
        udp dport 49918 drop
      }
    }`);
    const { problems } = await check(a, lab.rendezvous.address);
    assert.match(
      problems.join('\n'),
      /^server: .*firewall refuses to send there \(EPERM\) -> allow/m,
    );
    assert.match(
      problems.join('\n'),
      /^firewall: packets to the server are dropped by nft inet filter output/m,
    );
  });

  it('13: strict rp_filter drops the answers', async () => {
    await using lab = await createLab({ hosts: HOSTS });
    await startServer(lab.rendezvous);
    const a = lab.host('a');
    const { address } = lab.rendezvous;
    // As a full tunnel without src_valid_mark: only marked packets leave by the uplink.
    await a.exec('wg', ['set', a.wireguard.interface, 'fwmark', '51820']);
    await a.ip([
      `route add ${address}/32 dev ${a.wireguard.interface} table 77`,
      'rule add not fwmark 51820 table 77',
    ]);
    await a.sysctl({ 'net.ipv4.conf.eth0.rp_filter': 1 });
    const { problems } = await check(a, address);
    assert.match(
      problems.join('\n'),
      /^rp-filter: strict rp_filter on eth0 drops answers of .* is wg\S+ -> sysctl -w/m,
    );
  });

  it('14: another client is on the interface', async () => {
    await using lab = await createLab({ hosts: HOSTS });
    await startServer(lab.rendezvous);
    const a = lab.host('a');
    startClient(a, lab.rendezvous.address);
    startClient(lab.host('b'), lab.rendezvous.address);
    await connected(lab, ['a', 'b']);
    const sniffer =
      'import socket, time; s = socket.socket(2, 3, 17); print("open", flush=True); time.sleep(60)';
    const other = a.spawn('python3', ['-c', sniffer]);
    await other.waitForOutput(/open/);
    onlyProblem(
      await check(a),
      new RegExp(
        `^client: python3 \\(pid ${other.pid}\\) has a raw UDP socket here: another client`,
      ),
    );
  });

  it("15: requests leave by another uplink than WireGuard's packets", async () => {
    await using lab = await createLab({ hosts: HOSTS });
    await startServer(lab.rendezvous);
    const a = lab.host('a');
    const b = lab.host('b');
    const peer = b.wireguard.publicKey;
    await a.exec('wg', [
      'set',
      a.wireguard.interface,
      'peer',
      peer,
      'endpoint',
      '198.51.100.12:51820',
    ]);
    await a.ip([
      'link add up2 type veth peer name up2p',
      'link set up2 up',
      'link set up2p up',
      'address add 192.0.2.2/24 dev up2',
      'route add default via 192.0.2.1 dev up2 table 78',
      'rule add ipproto udp dport 49918 lookup 78',
    ]);
    const { problems } = await check(a, lab.rendezvous.address);
    assert.match(
      problems.join('\n'),
      /^route: requests to \S+ leave by up2 \(192\.0\.2\.2\), WireGuard's packets to the peer at 198\.51\.100\.12 by eth0 \(\S+\): the server sees another/m,
    );
  });

  it('16: wg-quick will save what the client sets', async () => {
    await using lab = await createLab({ hosts: HOSTS });
    await startServer(lab.rendezvous);
    const a = lab.host('a');
    const file = `/etc/wireguard/${a.wireguard.interface}.conf`;
    const hadFolder = existsSync('/etc/wireguard');
    mkdirSync('/etc/wireguard', { recursive: true });
    writeFileSync(file, '[Interface]\nPrivateKey = secret\nSaveConfig = true\n', { mode: 0o600 });
    try {
      onlyProblem(
        await check(a, lab.rendezvous.address),
        /^save-config: .* has SaveConfig = true: wg-quick down will write .* -> remove SaveConfig/,
      );
    } finally {
      rmSync(file);
      if (!hadFolder) {
        rmSync('/etc/wireguard', { recursive: true });
      }
    }
  });

  it('17: the clocks differ', async () => {
    await using lab = await createLab({ hosts: HOSTS });
    await using server = await SealedServer.start(lab);
    await server.process?.stop();
    const shifted = 'data:text/javascript,const n=Date.now;Date.now=()=>n()+7200000';
    const late = lab.rendezvous.spawn(process.execPath, [
      ...['--import', shifted, PROGRAM, 'server', '--key', server.file('keys/key')],
    ]);
    await late.waitForOutput(/listening on \[/);
    onlyProblem(
      await check(lab.host('a'), `${server.key}@${lab.rendezvous.address}`),
      /^server: this host's clock is 2 h behind that of .* -> one of the two is wrong/,
    );
  });

  it('18: a peer speaks the other protocol', async () => {
    await using lab = await createLab({ hosts: HOSTS });
    await using server = await SealedServer.start(lab);
    startClient(lab.host('b'), lab.rendezvous.address);
    const client = server.client(lab.host('a'));
    await until('the client to say so', () => /does not know it/.test(client.stderr), {
      timeoutMs: 20_000,
    });
    const { problems } = await check(lab.host('a'));
    assert.match(
      problems.join('\n'),
      /^peer: .{8}: speaks the classic protocol \(registered at .*\), this host the sealed one/m,
    );
  });

  it('19: the NAT uses another port for each destination', async () => {
    await using lab = await createLab({
      hosts: { a: { nat: 'symmetric' }, b: { nat: 'symmetric' } },
      rendezvousAddresses: 2,
    });
    await startServer(lab.rendezvous);
    const [first, second] = lab.rendezvous.addresses[4] as [string, string];
    onlyProblem(
      await check(lab.host('a'), first, second),
      /^nat: address-dependent mapping: the mapping that a server sees is not the one that peers get/,
    );
  });
});
