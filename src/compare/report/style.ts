/** The style sheet of the page: a grid of plots, and tables that fold on a narrow screen. */
export const STYLE = `
:root {
  --ink: #1c2024; --faint: #5f6872; --line: #d9dde2; --paper: #ffffff; --back: #f4f5f7; --link: #0060a0;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e8eaed; --faint: #a3acb6; --line: #3b424a; --paper: #181b1f; --back: #0f1114; --link: #7cc4ff;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--back); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere;
}
main { max-width: 72rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 .5rem; }
h2 { font-size: 1.05rem; line-height: 1.3; margin: 0 0 .5rem; }
a { color: var(--link); }
.faint { color: var(--faint); font-size: .875rem; }
.warning { border-left: 4px solid #e69f00; margin: .5rem 0 1rem; padding: .1rem .7rem; }
section, figure, .approaches {
  background: var(--paper); border: 1px solid var(--line); border-radius: 10px;
  margin: 0 0 1rem; padding: 1rem;
}
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 22rem), 1fr)); gap: 0 1rem; }
figure { padding: .5rem; }
figure svg { display: block; width: 100%; max-width: 30rem; height: auto; margin: 0 auto; }
dl { display: grid; grid-template-columns: 5.5rem 1fr; gap: .35rem .75rem; margin: 0; }
dt { grid-column: 1; font-weight: 600; }
dd { grid-column: 2; margin: 0; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .4rem; text-align: right; font-weight: 400; border-top: 1px solid var(--line); }
thead th { font-weight: 600; }
thead th, thead td { border-top: 0; }
th[scope=row] { text-align: left; }
@media (max-width: 40rem) {
  main { padding: 1rem .6rem 2rem; }
  section, figure, .approaches { padding: .7rem; }
  figure { padding: .3rem; }
  dl { grid-template-columns: 1fr; gap: .1rem; }
  dt, dd { grid-column: 1; }
  dd { margin-bottom: .4rem; }
  table, thead, tbody { display: block; font-size: .8rem; }
  tr { display: grid; grid-template-columns: repeat(var(--columns), 1fr); border-top: 1px solid var(--line); }
  thead tr { border-top: 0; }
  thead td { display: none; }
  th, td { border: 0; padding: .15rem .1rem; text-align: center; }
  th[scope=row] { grid-column: 1 / -1; color: var(--faint); padding-top: .35rem; }
}
`;
