import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createLab, type Lab, until } from '../../src/lab/index.js';
import { UdpProbe } from './udp-probe.js';

const PORT = 4000;
const SERVER_PORT = 49918;
const PACKETS = 2_000;

describe('a cable of the lab', () => {
  let lab: Lab<'a'>;
  let rv: UdpProbe;
  let a: UdpProbe;
  before(async () => {
    lab = await createLab({ hosts: { a: { wireguard: false } } });
    rv = await UdpProbe.open(lab.rendezvous, SERVER_PORT, PORT);
    a = await UdpProbe.open(lab.host('a'), PORT);
  });
  after(() => lab.dispose());

  it('drops exactly the next matching packets', async () => {
    const { cable, address } = lab.host('a');
    await using rule = await cable.dropNext(3, { direction: 'inbound', sourcePort: SERVER_PORT });
    const numbers = Array.from({ length: 10 }, (_, index) => index + 1);
    for (const number of numbers) {
      rv.send(SERVER_PORT, address, PORT, `server ${number}`);
      rv.send(PORT, address, PORT, `other ${number}`);
    }
    await a.receive('other 10');
    const texts = a.received.map(({ text }) => text);
    const expected = numbers.flatMap((number) =>
      number <= 3 ? [`other ${number}`] : [`server ${number}`, `other ${number}`],
    );
    assert.deepEqual(texts, expected);
    assert.equal(await rule.packets(), 3);
  });

  it('counts matching packets of both directions together', async () => {
    const { cable, address } = lab.host('a');
    await using rule = await cable.count({ protocol: 'udp' });
    a.send(PORT, lab.rendezvous.address, SERVER_PORT, 'there');
    await rv.receive('there');
    rv.send(SERVER_PORT, address, PORT, 'and', 'back');
    await a.receive('back');
    assert.equal(await rule.packets(), 3);
    // Each with 20 bytes of IP header and 8 of UDP.
    const payloads = ['there', 'and', 'back'].join('').length;
    assert.deepEqual(await rule.tally(), { packets: 3, bytes: 3 * 28 + payloads });
  });

  it('blocks until the rule is removed', async () => {
    const to = lab.rendezvous.address;
    const { cable } = lab.host('a');
    const rule = await cable.block({ destination: to, destinationPort: SERVER_PORT });
    a.send(PORT, to, SERVER_PORT, 'blocked');
    await until('the packet to be dropped', async () => (await rule.packets()) === 1);
    await rule.remove();
    a.send(PORT, to, SERVER_PORT, 'free');
    await rv.receive('free');
    assert.equal(
      rv.received.some(({ text }) => text === 'blocked'),
      false,
    );
  });

  for (const where of ['a cable', 'the internet'] as const) {
    it(`${where} drops the given share of packets in both directions, until it is set to 0`, async () => {
      const { cable, address } = lab.host('a');
      const lossy = where === 'a cable' ? cable : lab.internet;
      await using sent = await cable.count({ direction: 'outbound', sourcePort: PORT });
      await using answered = await lab.rendezvous.cable.count({
        direction: 'outbound',
        sourcePort: PORT,
      });
      await lossy.loss(0.3);
      const numbers = Array.from({ length: PACKETS }, (_, index) => `${where} ${index}`);
      a.send(PORT, lab.rendezvous.address, PORT, ...numbers);
      rv.send(PORT, address, PORT, ...numbers);
      // All packets that get through have arrived when both have sent the last one.
      await Promise.all([
        until('a to have sent', async () => (await sent.packets()) >= PACKETS),
        until('rv to have sent', async () => (await answered.packets()) >= PACKETS),
      ]);
      await lossy.loss(0);
      a.send(PORT, lab.rendezvous.address, PORT, `${where} done`);
      rv.send(PORT, address, PORT, `${where} done`);
      await Promise.all([rv.receive(`${where} done`), a.receive(`${where} done`)]);
      for (const probe of [rv, a]) {
        const arrived = probe.received.filter(({ text }) => numbers.includes(text)).length;
        // Five standard deviations of a binomial distribution of 2000 and 0.3 are 0.051.
        assert.ok(Math.abs(1 - arrived / PACKETS - 0.3) < 0.052, `${arrived} of ${PACKETS}`);
      }
    });
  }

  it('refuses a ratio outside 0..1', async () => {
    await assert.rejects(lab.internet.loss(1.1), RangeError);
    await assert.rejects(lab.internet.loss(Number.NaN), RangeError);
  });
});
