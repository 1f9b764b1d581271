import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { charts, connectionChart } from '../../src/compare/report/charts.js';
import { htmlReport } from '../../src/compare/report/html.js';
import { chartFile } from '../../src/compare/report/svg.js';
import { formatComparison } from '../../src/compare/report/table.js';
import { schemaErrors } from './comparison-schema.js';
import { SAMPLE } from './sample-comparison.js';

describe('formatComparison', () => {
  const text = formatComparison(SAMPLE);

  it('has an aligned column for each approach, and footnotes for missing values', () => {
    const lines = text.split('\n');
    const at = lines.findIndex((line) => line.startsWith('From the start of both clients'));
    assert.equal(
      lines[at],
      'From the start of both clients to the first ping, round trip 50 ms (median / p95 / worst of 20)',
    );
    const widths = lines
      .slice(at + 1, at + 5)
      .map((line) => line.indexOf('- [1]') + '- [1]'.length);
    assert.equal(lines[at + 1]?.length, widths[1], 'titles end where values end');
    assert.ok(widths.slice(1).every((width) => width === widths[1]));
    assert.match(
      text,
      /^\[1\] wgsd did not run: \/nowhere cannot be run \(ENOENT\)\n\[2\] no tunnel/m,
    );
  });

  it('has p95 and worst beside each median, and the number of rounds that failed', () => {
    assert.match(text, /^ {2}cone NATs +512 ms \/ 987 ms \/ 6\.5 s {2}/m);
    assert.match(text, /^ {2}keepalive set before +512 ms \/ 987 ms \/ 2 failed {2}/m);
  });

  it('says that a run was quick', () => {
    assert.doesNotMatch(text, /[Qq]uick/);
    const plan = { ...SAMPLE.plan, quick: true, rounds: 1 };
    const quick = formatComparison({ ...SAMPLE, plan });
    assert.match(quick, /^Quick run \(one round, short time limits\): .*rough\.$/m);
  });

  it('formats times and numbers', () => {
    assert.match(text, /all connected .* 5\.7 s /);
    assert.match(text, /NAT mapping changed +151 s /);
    assert.match(text, /10 peers +123,456 /);
    assert.match(text, /cone NATs +6 \(1,372\)/);
  });

  it('leaves the cell of a value that was not measured empty, and has parts in words', () => {
    assert.match(text, /^ {2}one reply lost +- \[1\]$/m);
    assert.match(text, /^ {2}classic {3}for b -> 198\.51\.100\.11:51820: endpoints disclosed$/m);
  });

  it('leaves out measures that were not run', () => {
    const plan = { ...SAMPLE.plan, measures: ['connect'] as const };
    assert.doesNotMatch(formatComparison({ ...SAMPLE, plan }), /Requests a second/);
  });
});

describe('charts', () => {
  it('have one of p95 and one of the slowest round', () => {
    const values = (title: string) =>
      charts(SAMPLE).find((chart) => chart.title === title)?.series[0]?.values;
    assert.deepEqual(values('95 % of the connections within'), [987, 987, 'failed']);
    assert.deepEqual(values('Slowest connection of 20'), [6543, 6543, 'failed']);
  });

  it('distinguish a failure from a value that was not measured', () => {
    const [classic, ...others] = connectionChart(SAMPLE).series;
    assert.deepEqual(classic?.values, [512, 512, 'failed']);
    assert.deepEqual(others, []);
    const faults = charts(SAMPLE).find(({ logarithmic }) => logarithmic);
    assert.deepEqual(faults?.series[0]?.values, [900, undefined, undefined, 151_174]);
  });

  it('are drawn for light and dark backgrounds, with their values', () => {
    const svg = chartFile(connectionChart(SAMPLE));
    assert.match(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" viewBox=[^>]*><style>/);
    for (const expected of ['class="light"', 'class="dark"', '512 ms', 'no tunnel', 'cone NATs']) {
      assert.ok(svg.includes(expected), expected);
    }
    assert.doesNotMatch(svg, /NaN|undefined/);
  });
});

describe('htmlReport', () => {
  const html = htmlReport(SAMPLE);

  it('says that a run was quick', () => {
    assert.doesNotMatch(html, /role="note"/);
    const quick = htmlReport({ ...SAMPLE, plan: { ...SAMPLE.plan, quick: true } });
    assert.match(quick, /<p class="warning" role="note">Quick run \(20 rounds, /);
  });

  it('needs no network and has no script', () => {
    assert.doesNotMatch(html, /<(script|link|img|iframe)|@import|url\((?!#)/);
    const addresses = [...html.matchAll(/https?:\/\/[^\s"'<]*/g)].map(([address]) => address);
    assert.deepEqual(
      addresses.filter((address) => !address.startsWith('http://www.w3.org/')),
      [],
    );
  });

  it('escapes text', () => {
    assert.ok(html.includes('a &lt;raw&gt; socket'));
    assert.ok(html.includes('a &lt;processor&gt;'));
  });

  it('links a missing value to its reason', () => {
    assert.ok(html.includes('<a href="#note2">2</a>'));
    assert.ok(html.includes('<li id="note2">no tunnel within 12 s</li>'));
  });
});

describe('the schema', () => {
  it('accepts a comparison', () => {
    assert.deepEqual(schemaErrors(SAMPLE), []);
  });

  it('refuses missing and unknown properties', () => {
    const { machine: _, ...rest } = SAMPLE;
    assert.match(schemaErrors(rest).join(), /must have required property 'machine'/);
    assert.match(schemaErrors({ ...SAMPLE, more: 1 }).join(), /additional properties/);
    const wrong = { ...SAMPLE.approaches[0], rate: { ten: { perSecond: 1 } } };
    assert.notDeepEqual(schemaErrors({ ...SAMPLE, approaches: [wrong] }), []);
  });
});
