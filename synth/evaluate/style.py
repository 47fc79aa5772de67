"""The page's style sheet."""

from synth.evaluate.charts import ACCENT, REAL, SYNTHETIC

STYLE = (
    """
:root { --ink: #1f2430; --muted: #6b7280; --line: #e4e4df; --paper: #f7f7f5; --card: #fff;
  --real: REAL; --synthetic: SYNTHETIC; --accent: ACCENT; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); line-height: 1.5;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 0 28px 60px; }
.marking { background: #7a1f1f; color: #fff; padding: 9px 28px; font-size: 13.5px; text-align: center; }
.marking b { text-transform: uppercase; letter-spacing: .06em; margin-right: 10px; }
header { padding: 34px 0 18px; }
h1 { font-size: 30px; line-height: 1.2; margin: 0 0 6px; letter-spacing: -.01em; overflow-wrap: anywhere; }
header p { margin: 0; color: var(--muted); }
header p b, header p i { color: var(--ink); }
h2 { font-size: 20px; margin: 0 0 14px; display: flex; align-items: center; gap: 12px; }
h3 { font-size: 14px; margin: 0 0 8px; }
* + h3 { margin-top: 18px; }
.badge { font-size: 11px; font-weight: 600; color: #7a1f1f; border: 1px solid #d9b3b3; border-radius: 99px;
  padding: 1px 9px; background: #fcf3f3; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 22px 26px;
  margin-top: 20px; }
.cards { display: grid; grid-template-columns: repeat(4, 1fr); gap: 16px; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 18px 20px; }
.card h3 { color: var(--muted); font-weight: 600; margin: 0; }
.card .figure { font-size: 38px; line-height: 1.25; font-weight: 650; letter-spacing: -.02em;
  font-variant-numeric: tabular-nums; }
.card .figure small { font-size: 18px; color: var(--muted); font-weight: 500; letter-spacing: 0; }
.card p { margin: 4px 0 0; font-size: 13px; color: var(--muted); }
.card p b, .card p i { color: var(--ink); }
.spend { border-top: 4px solid var(--accent); padding-top: 15px; }
.alarm { border-color: #7a1f1f; background: #fcf3f3; }
.alarm .figure, .alarm p b { color: #7a1f1f; }
.lead { margin: 0 0 14px; font-size: 16px; max-width: 80ch; }
.note, .foot { color: var(--muted); font-size: 12.5px; margin: 10px 0 0; max-width: 110ch; }
.foot { font-size: 11px; margin: 2px 0 0; }
.halves { display: grid; grid-template-columns: 1fr 1fr; gap: 26px 40px; align-items: start; }
.halves > *, .thirds > *, .panels > * { min-width: 0; }
.thirds { display: grid; grid-template-columns: repeat(3, 1fr); gap: 12px; }
.panels { display: grid; grid-template-columns: repeat(auto-fill, minmax(245px, 1fr)); gap: 20px 26px; }
.masonry { columns: 4 245px; column-gap: 26px; margin-top: 22px; }
.masonry .panel { break-inside: avoid; margin-bottom: 18px; }
figure { margin: 0; }
figcaption { font-weight: 600; font-size: 13px; margin-bottom: 4px; }
.panel figcaption { display: flex; justify-content: space-between; gap: 8px; overflow-wrap: anywhere; }
.panel figcaption em { font-style: normal; font-weight: 400; color: var(--muted); white-space: nowrap;
  font-size: 12px; }
svg { width: 100%; height: auto; display: block; overflow: visible; }
svg text { font-size: 10px; fill: var(--ink); }
svg text.muted, svg text.special { fill: var(--muted); }
svg text.special { font-style: italic; }
svg text.point { font-size: 10.5px; }
svg text.real { fill: var(--real); } svg text.synthetic { fill: var(--synthetic); }
svg .rule { stroke: var(--line); stroke-width: 1; }
svg .axis { stroke: #b9bbb8; stroke-width: 1; }
svg .plot { fill: #fcfcfb; stroke: var(--line); }
table { border-collapse: collapse; font-size: 13.5px; font-variant-numeric: tabular-nums; width: 100%; }
th, td { padding: 5px 10px; text-align: right; border-bottom: 1px solid var(--line); }
th:first-child { text-align: left; padding-left: 0; }
tbody th { font-weight: 600; overflow-wrap: anywhere; }
thead th { color: var(--muted); font-weight: 600; font-size: 12.5px; }
thead th[colspan] { text-align: center; color: var(--ink); border-bottom: 0; }
.narrow { width: auto; min-width: 60%; margin-bottom: 6px; }
.wide { overflow-x: auto; margin-bottom: 22px; }
th.real, span.real { color: var(--real); }
th.synthetic, span.synthetic { color: var(--synthetic); }
.legend { margin: 0 0 12px; font-size: 13px; color: var(--muted); }
.key { display: inline-block; width: 22px; height: 9px; border-radius: 2px; margin: 0 7px 0 18px; }
.legend .key:first-child { margin-left: 0; }
.key.real { background: var(--real); } .key.synthetic { background: var(--synthetic); }
.stages { display: grid; gap: 7px; max-width: 760px; }
.stage { display: grid; grid-template-columns: 160px 1fr 64px; gap: 12px; align-items: center;
  font-size: 13.5px; }
.stage span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.stage em { font-style: normal; font-variant-numeric: tabular-nums; text-align: right; }
.track { position: relative; height: 13px; background: #efefeb; border-radius: 3px; }
.track b { display: block; height: 100%; background: var(--accent); opacity: .55; border-radius: 3px; }
.track i { position: absolute; top: -3px; bottom: -3px; width: 2px; background: var(--ink); z-index: 1;
  transform: translateX(-2px); }
.total { font-weight: 650; } .total .track b { opacity: 1; }
.distance .track b, .stage.synthetic .track b { background: var(--synthetic); opacity: .85; }
.stage.real .track b { background: var(--real); opacity: .85; }
svg text.column { font-size: 12px; font-weight: 600; }
.ties { display: grid; grid-template-columns: minmax(0, 2.2fr) minmax(0, 1fr); gap: 26px;
  align-items: start; }
.ties table { width: 100%; }
@media (max-width: 900px) { .ties { grid-template-columns: 1fr; } }
ul { margin: 0; padding-left: 20px; max-width: 100ch; } li { margin: 4px 0; }
@media (max-width: 900px) { .cards, .halves, .thirds { grid-template-columns: 1fr 1fr; } }
@media (max-width: 620px) { .cards, .halves, .thirds { grid-template-columns: 1fr; } }
@media print { body { background: #fff; } section, .card { break-inside: avoid; } }
""".replace("ACCENT", ACCENT)
    .replace("SYNTHETIC", SYNTHETIC)
    .replace("REAL", REAL)
)
