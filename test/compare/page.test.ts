import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium } from 'playwright-core';
import { htmlReport } from '../../src/compare/report/html.js';
import { type ApproachName, type Comparison, PAIR_NAMES } from '../../src/compare/results.js';
import { SAMPLE } from './sample-comparison.js';

const CHROMIUM = '/usr/bin/chromium';
/** Runs as root, and sends nothing to the network. */
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const PHONE = { width: 360, height: 740 };

/** The widest report: all approaches, each with the values of the sample's first. */
const [first] = SAMPLE.approaches;
const NAMES: readonly ApproachName[] = ['classic', 'sealed', 'dns', 'original', 'wgsd'];
const WIDEST: Comparison = {
  ...SAMPLE,
  approaches: NAMES.map((name) => ({ ...(first as Comparison['approaches'][number]), name })),
};

/** The lowest plots: one approach alone, with all pairs of NATs. */
const connect = first?.connect?.cone;
const LOWEST: Comparison = {
  ...SAMPLE,
  plan: { ...SAMPLE.plan, pairs: PAIR_NAMES },
  approaches: [
    {
      ...(first as Comparison['approaches'][number]),
      connect: Object.fromEntries(PAIR_NAMES.map((pair) => [pair, connect])) as NonNullable<
        Comparison['approaches'][number]['connect']
      >,
    },
  ],
};

describe('the page in a browser', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'wg-rendezvous-page-'));
  const file = path.join(folder, 'comparison.html');
  const lowest = path.join(folder, 'lowest.html');
  let browser: Browser;
  before(async () => {
    writeFileSync(file, htmlReport(WIDEST));
    writeFileSync(lowest, htmlReport(LOWEST));
    browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  });
  after(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true });
  });

  async function open(colorScheme: 'light' | 'dark', viewport = PHONE, shown = file) {
    const page = await browser.newPage({ viewport, colorScheme });
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    await page.goto(pathToFileURL(shown).href);
    return { page, asked };
  }

  it('loads no other file', async () => {
    const { page, asked } = await open('light');
    assert.deepEqual(asked, [pathToFileURL(file).href]);
    await page.close();
  });

  it('fits a phone and a desktop without scrolling sideways', async () => {
    for (const viewport of [PHONE, { width: 320, height: 640 }, { width: 1280, height: 800 }]) {
      const { page } = await open('light', viewport);
      const width = await page.evaluate('document.documentElement.scrollWidth');
      assert.equal(width, viewport.width);
      await page.close();
    }
  });

  it('has no text below 10 pixels on a phone', async () => {
    const { page } = await open('light');
    const smallest = await page.evaluate(`Math.min(...[...document.querySelectorAll('body *')]
      .filter((node) => node.checkVisibility() && node.childNodes[0]?.nodeType === 3)
      .map((node) => parseFloat(getComputedStyle(node).fontSize) *
        (node.ownerSVGElement ? document.querySelector('figure svg').clientWidth / 360 : 1)))`);
    assert.ok(Number(smallest) >= 9.9, `${smallest}`);
    await page.close();
  });

  it('has plots in which no two texts touch', async () => {
    for (const shown of [file, lowest]) {
      const { page } = await open('light', PHONE, shown);
      const touching =
        await page.evaluate(`[...document.querySelectorAll('figure .light')].flatMap((plot) => {
      const texts = [...plot.querySelectorAll('text')].filter((one) => one.textContent.trim() !== '');
      const boxes = texts.map((one) => [one.textContent, one.getBoundingClientRect()]);
      return boxes.flatMap(([text, a], i) => boxes.slice(i + 1)
        .filter(([, b]) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 &&
          Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 2.5)
        .map(([other]) => text + ' | ' + other));
    })`);
      assert.deepEqual(touching, [], shown);
      await page.close();
    }
  });

  it('follows the colour scheme, in text and plots', async () => {
    for (const scheme of ['light', 'dark'] as const) {
      const { page } = await open(scheme);
      const brightness = await page.evaluate(
        `Number(/\\d+/.exec(getComputedStyle(document.body).backgroundColor)[0])`,
      );
      assert.equal(Number(brightness) < 128, scheme === 'dark');
      assert.equal(await page.locator('figure .light').first().isVisible(), scheme === 'light');
      assert.equal(await page.locator('figure .dark').first().isVisible(), scheme === 'dark');
      await page.close();
    }
  });
});
