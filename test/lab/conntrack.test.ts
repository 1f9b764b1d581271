import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseFlows, translation } from '../../src/lab/conntrack.js';
import { parseEndpoint } from '../../src/wire/endpoint.js';

/** Output of conntrack 1.4.7: a poisoned cone, two flows of a symmetric NAT, and one of a full cone. */
const LISTING = `
udp      17 25 src=10.1.0.2 dst=198.51.100.11 sport=51820 dport=51820 src=198.51.100.11 dst=198.51.100.10 sport=51820 dport=51820 mark=0 use=1
udp      17 118 src=10.1.0.2 dst=198.51.100.12 sport=51820 dport=51820 src=198.51.100.12 dst=198.51.100.10 sport=51820 dport=21194 [ASSURED] mark=0 use=1
udp      17 28 src=10.1.0.2 dst=198.51.100.12 sport=51820 dport=40847 [UNREPLIED] src=198.51.100.12 dst=198.51.100.10 sport=40847 dport=64683 mark=0 use=1
udp      17 29 src=198.51.100.13 dst=198.51.100.10 sport=49918 dport=4000 src=10.1.0.2 dst=198.51.100.13 sport=51820 dport=49918 mark=0 use=1
icmp     1 29 src=10.1.0.2 dst=198.51.100.1 type=8 code=0 id=7 src=198.51.100.1 dst=198.51.100.10 type=0 code=0 id=7 mark=0 use=1
`;
const INSIDE = parseEndpoint('10.1.0.2:51820');

describe('the connection table of a gateway', () => {
  const flows = parseFlows(LISTING);

  it('is parsed line by line, and only its UDP flows', () => {
    assert.equal(flows.length, 4);
    assert.deepEqual(flows[2], {
      original: { from: INSIDE, to: parseEndpoint('198.51.100.12:40847') },
      reply: {
        from: parseEndpoint('198.51.100.12:40847'),
        to: parseEndpoint('198.51.100.10:64683'),
      },
      answered: false,
      secondsLeft: 28,
    });
  });

  it('gives the outside endpoint of an inside endpoint for each remote host', () => {
    const outside = (remote: string) => translation(flows, INSIDE, [remote]);
    assert.deepEqual(outside('198.51.100.11'), parseEndpoint('198.51.100.10:51820'));
    assert.deepEqual(outside('198.51.100.14'), undefined);
    assert.equal(translation(flows, parseEndpoint('10.1.0.2:4000'), ['198.51.100.11']), undefined);
  });

  it('prefers an answered flow', () => {
    const reversed = [...flows].reverse();
    for (const order of [flows, reversed]) {
      const outside = translation(order, INSIDE, ['198.51.100.12']);
      assert.deepEqual(outside, parseEndpoint('198.51.100.10:21194'));
    }
  });

  it('includes flows that the far side started', () => {
    const outside = translation(flows, INSIDE, ['198.51.100.13']);
    assert.deepEqual(outside, parseEndpoint('198.51.100.10:4000'));
  });
});
