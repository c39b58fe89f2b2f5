// The style sheet of the page that `cohort inspect --html` writes. Colours differ in lightness as well as in hue, and keep a contrast of
// 4.5 for text in light and dark.
#pragma once

namespace cohort::datasets {

inline constexpr const char* kPageStyle = R"css(
:root{color-scheme:light dark;--page:#f6f7f9;--card:#fff;--text:#1b2430;--soft:#566173;--line:#dde2e9;--bar:#3b76c4;--pooled:#9db4d3;--absent:#b9bec7;--rate:#c2410c;
--c0:#c2410c;--c1:#0f766e;--c2:#7c3aed;--c3:#a16207;--c4:#be185d;--chip:#e8edf5;--focus:#1d4ed8}
@media(prefers-color-scheme:dark){:root{--page:#12161c;--card:#1b2129;--text:#e6eaf0;--soft:#a3adbb;--line:#323b47;--bar:#6ea3e6;--pooled:#45618a;--absent:#5a626e;--rate:#fb923c;
--c0:#fb923c;--c1:#2dd4bf;--c2:#c4b5fd;--c3:#facc15;--c4:#f9a8d4;--chip:#2a3340;--focus:#93c5fd}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--text);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Noto Sans CJK SC","DejaVu Sans",sans-serif}
header,main{max-width:1240px;margin:0 auto;padding:0 20px}
header{padding-top:28px}
h1{font-size:26px;margin:0 0 4px;overflow-wrap:anywhere}
h2{font-size:19px;margin:34px 0 12px}
h3{font-size:16px;margin:0;overflow-wrap:anywhere}
p{margin:0 0 8px}
.soft{color:var(--soft)}
code{font:13px/1.4 ui-monospace,"DejaVu Sans Mono",monospace;overflow-wrap:anywhere}
.skip{position:absolute;left:-999px}
.skip:focus{left:12px;top:8px;background:var(--card);padding:6px 12px;z-index:2}
:focus-visible{outline:2px solid var(--focus);outline-offset:2px}
a{color:inherit;text-decoration-color:var(--soft)}
dl.facts{display:flex;flex-wrap:wrap;gap:10px 34px;margin:14px 0 6px}
dl.facts div{min-width:90px}
dt{color:var(--soft);font-size:13px}
dd{margin:0;font-size:18px;font-variant-numeric:tabular-nums}
.wide{overflow-x:auto;background:var(--card);border:1px solid var(--line);border-radius:10px}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:14px}
th,td{padding:6px 12px;text-align:left;border-bottom:1px solid var(--line);vertical-align:middle}
tr:last-child>td,tr:last-child>th{border-bottom:0}
thead th{color:var(--soft);font-weight:600;font-size:13px;white-space:nowrap}
tbody th{font-weight:600;overflow-wrap:anywhere}
.number{text-align:right;white-space:nowrap}
caption{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.meter{display:inline-block;vertical-align:middle;width:64px;height:8px;border-radius:4px;background:var(--chip);overflow:hidden;margin-right:8px}
.meter i{display:block;height:100%;background:var(--absent)}
svg.small{width:120px;height:24px;display:block}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,540px),1fr));gap:18px;align-items:start}
.card{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:16px 18px;min-width:0;scroll-margin-top:12px}
.head{display:flex;flex-wrap:wrap;gap:4px 10px;align-items:baseline;margin-bottom:6px}
.chip{background:var(--chip);border-radius:6px;padding:1px 8px;font-size:12.5px;color:var(--text);white-space:nowrap}
.chip.note{border:1px solid var(--rate);background:none}
.line{font-size:13.5px;color:var(--soft);margin-bottom:10px}
.quantiles{display:flex;flex-wrap:wrap;gap:2px 16px;margin:8px 0 0;font-size:13px}
.quantiles div{display:flex;flex-direction:column}
.quantiles dt{font-size:12px}
.quantiles dd{font-size:13.5px}
.card svg{width:100%;height:auto;display:block}
svg text{font:11px system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Noto Sans CJK SC","DejaVu Sans",sans-serif;fill:var(--soft)}
svg text.name{font-size:12px;fill:var(--text)}
svg text.title{fill:var(--soft)}
svg .bar{fill:var(--bar)}
svg .pooled{fill:var(--pooled)}
svg .absent{fill:var(--absent)}
svg .grid{stroke:var(--line);stroke-width:1}
svg .axis{stroke:var(--soft);stroke-width:1}
svg .overall{stroke:var(--soft);stroke-width:1;stroke-dasharray:4 4}
svg .whisker{stroke:var(--rate);stroke-width:1.2;opacity:.55}
svg .line{fill:none;stroke-width:1.4;opacity:.75}
svg .c0{stroke:var(--c0)}svg .c1{stroke:var(--c1)}svg .c2{stroke:var(--c2)}svg .c3{stroke:var(--c3)}svg .c4{stroke:var(--c4)}
svg .dot{stroke:none}
svg .dot.c0{fill:var(--c0)}svg .dot.c1{fill:var(--c1)}svg .dot.c2{fill:var(--c2)}svg .dot.c3{fill:var(--c3)}svg .dot.c4{fill:var(--c4)}
.legend{display:flex;flex-wrap:wrap;gap:4px 18px;padding:0;margin:6px 0 0;list-style:none;font-size:14px}
.legend i{display:inline-block;width:10px;height:10px;border-radius:50%;margin-right:6px}
.legend .c0{background:var(--c0)}.legend .c1{background:var(--c1)}.legend .c2{background:var(--c2)}.legend .c3{background:var(--c3)}.legend .c4{background:var(--c4)}
.switch{float:right;font-size:13px;color:var(--soft)}
.switch input{vertical-align:-2px;margin-right:5px}
.log{display:none}
.card:has(.switch input:checked) .log{display:block}
.card:has(.switch input:checked) .plain{display:none}
details{margin-top:10px;font-size:14px}
summary{cursor:pointer;color:var(--soft)}
details .wide{margin-top:8px;max-height:320px;overflow:auto;border-radius:8px}
footer{max-width:1240px;margin:30px auto;padding:0 20px;color:var(--soft);font-size:13px}
@media print{.card{break-inside:avoid}.switch,.skip{display:none}}
)css";

}  // namespace cohort::datasets
