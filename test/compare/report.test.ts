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

  it('has a column for each approach, aligned, and numbers for what is missing', () => {
    assert.match(
      text,
      /^From the start of both clients to the first ping \(median of 1\)\n {18}classic {3}wgsd\n {2}cone NATs {8}512 ms {2}- \[1\]\n {2}symmetric NATs {4}- \[2\] {2}- \[1\]\n/m,
    );
    assert.match(
      text,
      /^\[1\] wgsd did not run: \/nowhere cannot be run \(ENOENT\)\n\[2\] no tunnel/m,
    );
  });

  it('formats times and numbers for reading', () => {
    assert.match(text, /all endpoints set .* 5\.7 s /);
    assert.match(text, /NAT mapping changed +151 s /);
    assert.match(text, /10 peers +123,456 /);
    assert.match(text, /cone NATs +6 \(1,372\)/);
  });

  it('leaves a value that was not asked for empty, and says in words the rest', () => {
    assert.match(text, /^ {2}one reply lost +- \[1\]$/m);
    assert.match(text, /^ {2}classic {3}for b -> 198\.51\.100\.11:51820: endpoints disclosed$/m);
  });

  it('leaves out a part that was not measured', () => {
    const plan = { ...SAMPLE.plan, measures: ['connect'] as const };
    assert.doesNotMatch(formatComparison({ ...SAMPLE, plan }), /Requests a second/);
  });
});

describe('charts', () => {
  it('tell a failure from what was not measured', () => {
    const [classic, ...others] = connectionChart(SAMPLE).series;
    assert.deepEqual(classic?.values, [512, 'failed']);
    assert.deepEqual(others, []);
    const trouble = charts(SAMPLE).find(({ logarithmic }) => logarithmic);
    assert.deepEqual(trouble?.series[0]?.values, [900, undefined, undefined, 151_174]);
  });

  it('are drawn for light and for dark, with their values', () => {
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

  it('needs nothing from the network, and runs nothing', () => {
    assert.doesNotMatch(html, /<(script|link|img|iframe)|@import|url\((?!#)/);
    const addresses = [...html.matchAll(/https?:\/\/[^\s"'<]*/g)].map(([address]) => address);
    assert.deepEqual(
      addresses.filter((address) => !address.startsWith('http://www.w3.org/')),
      [],
    );
  });

  it('shows text as text', () => {
    assert.ok(html.includes('a &lt;raw&gt; socket'));
    assert.ok(html.includes('a &lt;processor&gt;'));
  });

  it('links a missing value to its reason', () => {
    assert.ok(html.includes('<a href="#note2">2</a>'));
    assert.ok(html.includes('<li id="note2">no tunnel within 12 s</li>'));
  });
});

describe('the schema', () => {
  it('takes a comparison', () => {
    assert.deepEqual(schemaErrors(SAMPLE), []);
  });

  it('refuses what is not in it', () => {
    const { machine: _, ...rest } = SAMPLE;
    assert.match(schemaErrors(rest).join(), /must have required property 'machine'/);
    assert.match(schemaErrors({ ...SAMPLE, more: 1 }).join(), /additional properties/);
    const wrong = { ...SAMPLE.approaches[0], rate: { ten: { perSecond: 1 } } };
    assert.notDeepEqual(schemaErrors({ ...SAMPLE, approaches: [wrong] }), []);
  });
});
