/** The report's style sheet: light and dark, desktop and phone. All text has a contrast of at least 4.5 to 1. */
export const style = `
:root { color-scheme: light dark; --paper:#fff; --ink:#1b1f24; --soft:#57606a; --rule:#d8dee4; --panel:#f6f8fa;
  --side0:#0b5cad; --side1:#b24700; --side2:#6d3fc0; --fault:#cf222e; --good:#1a6b33; --bad:#b3202c; --note:#fff4d6; }
@media (prefers-color-scheme: dark) { :root { --paper:#14181d; --ink:#e6eaef; --soft:#a3adb8; --rule:#343c46; --panel:#1c2229;
  --side0:#6cb1ff; --side1:#ff9d5c; --side2:#c3a3ff; --fault:#ff7b72; --good:#6cd38a; --bad:#ff8b86; --note:#3a300f; } }
* { box-sizing: border-box; }
body { margin:0; background:var(--paper); color:var(--ink); font:16px/1.5 system-ui, "Segoe UI", Roboto, Arial, sans-serif; }
main { max-width:900px; margin:0 auto; padding:28px 20px 60px; }
h1 { font-size:1.65rem; line-height:1.25; margin:0 0 .5rem; text-wrap:balance; }
h2 { font-size:1.15rem; margin:2.4rem 0 .4rem; }
.kicker { color:var(--soft); margin:0 0 .3rem; font-size:.9rem; }
p, ul { margin:.4rem 0; max-width:72ch; } ul { padding-left:1.2rem; } li { margin:.25rem 0; }
.soft { color:var(--soft); font-size:.92rem; }
.note { background:var(--note); border-radius:6px; padding:.6rem .9rem; margin:1rem 0; }
.note ul { margin:0; }
.cards { display:grid; grid-template-columns:repeat(auto-fit, minmax(240px, 1fr)); gap:12px; margin:1.2rem 0; }
.card { background:var(--panel); border-top:4px solid var(--rule); border-radius:6px; padding:.7rem .9rem; }
.card b { display:block; font-size:1.05rem; } .card .what { color:var(--soft); font-size:.88rem; }
.card dl { margin:.4rem 0 0; display:grid; grid-template-columns:1fr auto; gap:.1rem .8rem; font-size:.95rem; }
.card dt { color:var(--soft); } .card dd { margin:0; text-align:right; font-weight:600; font-variant-numeric:tabular-nums; }
.scroll { overflow-x:auto; }
table { border-collapse:collapse; width:100%; font-size:.93rem; font-variant-numeric:tabular-nums; }
th, td { padding:.36rem .5rem; border-bottom:1px solid var(--rule); text-align:right; vertical-align:top; }
th:first-child, td:first-child { text-align:left; font-weight:400; padding-left:0; }
td.words, th.words { text-align:left; }
thead th { font-weight:600; border-bottom-width:2px; } tbody th[colspan] { padding-top:1rem; color:var(--soft); font-weight:600; }
small { color:var(--soft); display:block; font-size:.78rem; font-weight:400; }
.good { color:var(--good); font-weight:600; } .bad { color:var(--bad); font-weight:600; }
figure { margin:.6rem 0 0; } figure svg { width:100%; height:auto; display:block; } svg.narrow { display:none; }
svg text { fill:var(--soft); font:12.5px system-ui, sans-serif; } svg text.axis { fill:var(--ink); } svg text.faulttext { fill:var(--fault); }
svg .grid { stroke:var(--rule); stroke-width:1; fill:none; } svg .fault { fill:var(--fault); opacity:.14; }
svg .line { fill:none; stroke-width:2.4; stroke-linejoin:round; stroke-linecap:round; }
svg .side0 { stroke:var(--side0); } svg .side1 { stroke:var(--side1); stroke-dasharray:7 4; } svg .side2 { stroke:var(--side2); stroke-dasharray:1.5 5; }
.key { display:inline-block; margin-right:1.2rem; white-space:nowrap; font-size:.92rem; }
.key svg { width:34px; height:10px; vertical-align:middle; margin-right:.4rem; display:inline-block; }
.top0 { border-top-color:var(--side0); } .top1 { border-top-color:var(--side1); } .top2 { border-top-color:var(--side2); }
pre { background:var(--panel); padding:.7rem .9rem; border-radius:6px; overflow-x:auto; font:13px/1.5 ui-monospace, Menlo, Consolas, monospace; white-space:pre-wrap; overflow-wrap:anywhere; }
code { font:.92em ui-monospace, Menlo, Consolas, monospace; overflow-wrap:anywhere; }
summary { cursor:pointer; color:var(--soft); font-size:.92rem; padding:.3rem 0; }
@media (max-width:640px) { main { padding:18px 14px 40px; } h1 { font-size:1.35rem; } svg.wide { display:none; } svg.narrow { display:block; }
  table { font-size:.84rem; } th, td { padding:.34rem .22rem; overflow-wrap:break-word; } small { font-size:.7rem; } table.figures { table-layout:fixed; } table.figures th:first-child { width:27%; } table.figures thead th:last-child { width:21%; } table.figures thead th { font-size:.66rem; } }
@media print { body { background:#fff; color:#000; } }
`
