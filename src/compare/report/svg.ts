import { BarChart } from 'echarts/charts';
import { GridComponent, LegendComponent, TitleComponent } from 'echarts/components';
import { init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import type { ECBasicOption } from 'echarts/types/dist/shared';
import type { Chart, Series } from './charts.js';

use([BarChart, GridComponent, LegendComponent, TitleComponent, SVGRenderer]);

/** Narrow enough for a phone without being scaled down. */
const WIDTH = 360;
const BAR = 13;
const GROUP_GAP = 22;
const HEAD = 74;
const LABEL_WIDTH = 92;
/** Room for fonts that are wider than ECharts assumes without a browser. */
const LABEL_MARGIN = 28;
/** The start of a logarithmic axis. */
const LEAST = 100;

const THEMES = {
  light: { ink: '#1c2024', faint: '#5f6872', line: '#d9dde2', paper: '#ffffff' },
  dark: { ink: '#e8eaed', faint: '#a3acb6', line: '#3b424a', paper: '#181b1f' },
} as const;

type Theme = (typeof THEMES)[keyof typeof THEMES];

/** Shows the drawing for the reader's colour scheme. */
export const THEME_STYLE =
  '.dark{display:none}@media (prefers-color-scheme:dark){.light{display:none}.dark{display:inline}}';

/** A chart as one SVG element with two drawings: for light and for dark backgrounds. */
export function chartSvg(chart: Chart): string {
  const height = heightOf(chart);
  const drawings = Object.entries(THEMES).map(
    ([name, theme]) => `<g class="${name}">${draw(chart, theme, height)}</g>`,
  );
  const size = `viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}"`;
  const label = `role="img" aria-label="${chart.title}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} ${label}>${drawings.join('')}</svg>`;
}

/** A chart as a file of its own. */
export function chartFile(chart: Chart): string {
  return chartSvg(chart).replace('>', `><style>${THEME_STYLE}</style>`);
}

function heightOf({ categories, series }: Chart): number {
  return HEAD + categories.length * (series.length * BAR + GROUP_GAP);
}

function draw(chart: Chart, theme: Theme, height: number): string {
  const plot = init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height });
  try {
    plot.setOption(option(chart, theme));
    return plot.renderToSVGString();
  } finally {
    plot.dispose();
  }
}

function option(chart: Chart, theme: Theme): ECBasicOption {
  const text = { color: theme.ink, fontFamily: 'system-ui, sans-serif', fontSize: 12 };
  return {
    animation: false,
    backgroundColor: theme.paper,
    textStyle: text,
    title: { text: chart.title, left: 4, top: 4, textStyle: { ...text, fontSize: 15 } },
    legend: { top: 32, left: 0, itemWidth: 12, itemHeight: 10, itemGap: 9, textStyle: text },
    grid: {
      left: LABEL_WIDTH + LABEL_MARGIN,
      right: 56,
      top: HEAD - 8,
      bottom: 4,
      outerBoundsMode: 'none',
    },
    xAxis: {
      type: chart.logarithmic ? 'log' : 'value',
      ...(chart.logarithmic && { min: LEAST }),
      axisLabel: { show: false },
      axisTick: { show: false },
      splitLine: { lineStyle: { color: theme.line } },
    },
    yAxis: {
      type: 'category',
      // The first category at the top.
      inverse: true,
      data: chart.categories,
      axisLabel: { ...text, width: LABEL_WIDTH, overflow: 'break' },
      axisTick: { show: false },
      axisLine: { lineStyle: { color: theme.line } },
    },
    series: chart.series.map(({ name, colour, values }) => ({
      type: 'bar',
      name,
      color: colour,
      barGap: '15%',
      barCategoryGap: `${GROUP_GAP / 2}%`,
      label: { show: true, position: 'right', color: theme.faint, fontSize: 11 },
      data: values.map((value) => bar(chart, value)),
    })),
  };
}

/** A bar with its value; an empty bar with a text if the measurement failed; or nothing. */
function bar(chart: Chart, value: Series['values'][number]): object | '-' {
  if (value === undefined) {
    return '-';
  }
  return value === 'failed'
    ? { value: chart.logarithmic ? LEAST : 0, label: { formatter: chart.failure } }
    : { value, label: { formatter: chart.format(value) } };
}
