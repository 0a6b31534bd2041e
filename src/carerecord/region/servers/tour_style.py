"""How does the tour look? The colours, marks and measures of carerecord's pages, in one small sheet that needs nothing else."""

STYLE = """
:root { --ink: #212b32; --soft: #4c6272; --blue: #005eb8; --red: #b8190f; --green: #007f3b;
  --hatch: repeating-linear-gradient(135deg, #ffe7ad 0 4px, #fff7e2 4px 8px); }
* { box-sizing: border-box; }
body { margin: 0; background: #fff; color: var(--ink); font: .9375rem/1.4 "Frutiger W01", Arial, Helvetica, sans-serif;
  font-variant-numeric: tabular-nums lining-nums; }
p, ul, h1, h2 { margin: 0; padding: 0; }
ul { list-style: none; }
a { color: var(--blue); text-underline-offset: .15em; }
a:focus-visible, button:focus-visible { outline: 3px solid var(--ink); background: #ffeb3b !important;
  color: var(--ink) !important; }
.wrap { max-width: 106rem; margin: 0 auto; padding: 0 1rem; }
.nb { white-space: nowrap; }
.vh { position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%);
  white-space: nowrap; }
.skip { position: absolute; left: -999rem; }
.skip:focus { left: 1rem; top: .5rem; padding: .25rem .5rem; z-index: 1; }
header { background: var(--blue); color: #fff; }
header .wrap { display: flex; flex-wrap: wrap; align-items: center; gap: 0 1.25rem; min-height: 2.5rem; }
header .name { color: #fff; font-weight: 600; font-size: 1.0625rem; text-decoration: none; }
header span { font-size: .875rem; }
main.wrap { padding-block: 1.5rem 3rem; }
h1 { font-size: 2rem; line-height: 1.2; font-weight: 600; margin-bottom: .5rem; }
.lead { font-size: 1.0625rem; max-width: 46rem; }
.cards { display: grid; gap: 1.5rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 21rem), 1fr));
  margin-top: 1.25rem; }
.card { border-top: 4px solid var(--ink); padding-top: .5rem; display: flex; flex-direction: column; gap: .5rem; }
.card h2 { font-size: 1.25rem; line-height: 1.25; font-weight: 600; }
.card .n { font-weight: 400; color: var(--soft); margin-right: .375rem; }
.strip { display: flex; flex-wrap: wrap; gap: .25rem; }
.strip li { display: inline-flex; }
.look { list-style: disc; padding-left: 1.125rem; font-size: .875rem; }
.ways { margin-top: auto; padding-top: .25rem; display: flex; flex-wrap: wrap; align-items: center; gap: .25rem .75rem; }
.go { font: inherit; font-size: 1rem; font-weight: 600; line-height: 1.2; padding: .5625rem 1.125rem; min-height: 2.5rem;
  cursor: pointer;
  background: var(--green); border: 0; color: #fff; }
.else { font: inherit; font-size: .875rem; font-weight: 600; line-height: 1.2; padding: .375rem .625rem;
  min-height: 1.75rem; cursor: pointer;
  background: #fff; border: 2px solid var(--blue); color: var(--blue); }
.else:hover { background: var(--blue); color: #fff; }
.go:hover { background: #00662f; }
.who { font-size: .8125rem; color: var(--soft); }
.src { display: inline-flex; align-items: center; justify-content: center; min-width: 1.625rem; height: 1.25rem;
  padding: 0 .25rem;
  border: 1px solid var(--soft); border-radius: .625rem; font-size: .6875rem; font-weight: 600; line-height: 1;
  letter-spacing: .02em;
  background: #fff; color: var(--ink); text-decoration: none; cursor: default; }
.src--gap { background: var(--hatch); border-color: #8a5a00; }
.src--ask { border-style: dotted; color: var(--soft); }
.src--bad { border: 2px solid var(--red); color: var(--red); text-decoration: line-through; }
.src--late { border-color: var(--blue); box-shadow: inset 0 -3px 0 var(--blue); }
.key { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin-top: 1.5rem; font-size: .8125rem; color: var(--soft); }
.key li { display: inline-flex; align-items: center; gap: .375rem; }
.own { margin-top: 1.5rem; }
@media (min-width: 48rem) { .wrap { padding: 0 1.5rem; } }
"""
