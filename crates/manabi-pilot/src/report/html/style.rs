//! The style sheet of the report.

/// Inline CSS; the colours of the charts are custom properties, so that dark mode can lighten them.
pub const CSS: &str = r"
:root{color-scheme:light dark;--bg:#fff;--fg:#1b1f24;--faint:#57606a;--edge:#d5dae0;--box:#f5f7f9;
--k0:#E69F00;--k1:#56B4E9;--k2:#009E73;--k3:#0072B2;--k4:#D55E00;--k5:#CC79A7;--grey:#9aa3ad;
--yes:#007a59;--no:#b34700;--unclear:#7a5b00}
@media (prefers-color-scheme:dark){:root{--bg:#14171b;--fg:#e4e8ec;--faint:#9ba6b1;--edge:#353c44;--box:#1d2227;
--k1:#9bd8fa;--k3:#3d8fe0;--k2:#1fb98d;--k4:#f07b25;--grey:#6c7681;--yes:#3fcf9f;--no:#ff9955;--unclear:#e8c352}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--fg);font:16px/1.55 system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;
-webkit-text-size-adjust:100%}
main,footer{max-width:920px;margin:0 auto;padding:0 1.25rem}
footer{color:var(--faint);font-size:.85rem;padding-top:2rem;padding-bottom:3rem}
h1{font-size:1.75rem;line-height:1.25;margin:2rem 0 .25rem;overflow-wrap:anywhere}
h2{font-size:1.3rem;line-height:1.3;margin:2.75rem 0 .6rem;padding-top:.9rem;border-top:1px solid var(--edge)}
h3{font-size:1.05rem;margin:1.6rem 0 .4rem}
p{margin:.5rem 0;max-width:72ch}
.sub,.faint,.note,.empty{color:var(--faint)}
.note,.faint{font-size:.88rem}
.empty{font-style:italic}
.verdict{margin:1.4rem 0;padding:1rem 1.25rem 1.1rem;background:var(--box);border:1px solid var(--edge);border-left:6px solid var(--tone);border-radius:6px}
.verdict h2{border:0;margin:0 0 .5rem;padding:0;font-size:1.35rem}
.verdict p{margin:.55rem 0;max-width:none}
.verdict .q{font-weight:600}
.verdict .act{margin-top:.9rem;padding-top:.8rem;border-top:1px solid var(--edge)}
.badge{display:inline-block;padding:.05em .6em;margin-right:.5em;border:2px solid var(--tone);border-radius:99px;color:var(--tone);font-size:.85em}
.yes{--tone:var(--yes)}.no{--tone:var(--no)}.unclear,.unknown{--tone:var(--unclear)}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(190px,1fr));gap:.75rem;margin:1rem 0;padding:0;list-style:none}
.cards li{padding:.7rem .9rem;border:1px solid var(--edge);border-radius:6px}
.cards b{display:block;font-size:1.4rem;line-height:1.25}
.cards b small{font-size:.6em;font-weight:600}
.cards span{color:var(--faint);font-size:.85rem;line-height:1.35;display:block}
.warnings{border:1px solid var(--edge);border-left:6px solid var(--unclear);border-radius:6px;padding:.6rem 1.1rem}
.warnings h2{border:0;margin:.2rem 0;padding:0;font-size:1.05rem}
ul.plain{margin:.4rem 0;padding-left:1.2rem}
.scroll{overflow-x:auto;margin:.7rem 0}
table{border-collapse:collapse;font-size:.92rem;font-variant-numeric:tabular-nums;min-width:100%}
th,td{padding:.38rem .9rem .38rem 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--edge)}
thead th{font-weight:600;border-bottom:2px solid var(--edge);vertical-align:bottom}
tbody th{font-weight:400}
tbody th .faint{padding-left:1.5em}
tbody th .swatch{margin-right:.45em;vertical-align:-1px}
td.num,th.num{text-align:right;white-space:nowrap}
td.best,td.told{font-weight:700}td.best .faint,td.told .faint{font-weight:400}
td .faint,th .faint{display:block;font-size:.8rem;font-weight:400;white-space:nowrap}
td.words{min-width:14rem}tbody th{min-width:8.6rem}
td.path{overflow-wrap:anywhere;min-width:10rem}
dl.base{margin:.5rem 0}dl.base dt{font-weight:600;margin-top:.45rem}dl.base dd{margin:0;max-width:72ch}
figure{margin:1rem 0}
.chart{display:block;width:100%;height:auto;overflow:visible}
.map{border:1px solid var(--edge);border-radius:6px}
.narrow{display:none}
.chart text{font-size:12.5px;fill:var(--fg);font-family:inherit}
.chart .tick,.chart .axis{fill:var(--faint);font-size:12px}.chart .axis{font-weight:600}
.chart .tick.faint{font-size:11px}
.chart .grid{stroke:var(--edge)}
.chart .leader{stroke:var(--edge)}
.k0{--k:var(--k0)}.k1{--k:var(--k1)}.k2{--k:var(--k2)}.k3{--k:var(--k3)}.k4{--k:var(--k4)}.k5{--k:var(--k5)}.grey{--k:var(--grey)}
.dot,.part{fill:var(--k)}
.map .dot{stroke:var(--bg);stroke-width:.5}
.map .grey{fill-opacity:.55}
.part{stroke:var(--bg);stroke-width:1.5}
.line{fill:none;stroke:var(--k);stroke-width:2.4;stroke-linejoin:round}
.line.base{stroke-width:1.8;stroke-dasharray:5 4}
.bar{stroke:var(--k);stroke-width:1.6;opacity:.75}
.bar-chart{height:30px}
.legend{display:flex;flex-wrap:wrap;gap:.15rem 1.1rem;margin:.6rem 0;padding:0;list-style:none;font-size:.9rem}
.legend .swatch{margin-right:.4em;vertical-align:-2px}
.panels{display:grid;grid-template-columns:repeat(auto-fill,minmax(260px,1fr));gap:.4rem 1.2rem}
.panel{margin:.5rem 0}.panel figcaption .faint{display:block}.panel figcaption{font-size:.9rem;line-height:1.35;margin-bottom:.35rem}
.query{display:grid;grid-template-columns:repeat(auto-fill,minmax(104px,1fr));gap:.6rem;margin:.4rem 0 1.1rem;padding:0;list-style:none}
.query li{font-size:.8rem;line-height:1.35;border:1px solid var(--edge);border-radius:6px;padding:.35rem;overflow-wrap:anywhere}
.query li.ask{border:2px solid var(--fg)}
.query li.same{border-color:var(--yes)}.query li.other{border-color:var(--no);border-style:dashed}
.query .faint{font-size:inherit}
.query img{display:block;width:100%;aspect-ratio:1;object-fit:contain;image-rendering:pixelated;border-radius:3px;background:var(--box);margin-bottom:.25rem}
.query .text{display:block;max-height:7.5em;overflow:hidden;background:var(--box);padding:.25rem .35rem;border-radius:3px;margin-bottom:.25rem}
.meter{display:inline-block;height:.7em;background:var(--k3);border-radius:2px;min-width:2px}
code,pre{font-family:ui-monospace,'Cascadia Mono',Consolas,'DejaVu Sans Mono',monospace;font-size:.88em}
code{overflow-wrap:anywhere;background:var(--box);padding:.1em .3em;border-radius:3px}
.verdict code{background:var(--bg)}
pre{background:var(--box);border:1px solid var(--edge);border-radius:6px;padding:.6rem .8rem;margin:.35rem 0 .9rem;white-space:pre-wrap;overflow-wrap:anywhere}
pre code{background:none;padding:0;font-size:1em}
summary{cursor:pointer;margin:.6rem 0}
@media (max-width:700px){body{font-size:15px}main,footer{padding:0 1rem}h1{font-size:1.4rem}
.wide{display:none}.narrow{display:block}.cards{grid-template-columns:1fr 1fr;gap:.5rem}.cards b{font-size:1.15rem}
.cards li{padding:.5rem .65rem}.verdict{padding:.8rem .9rem}.panels{grid-template-columns:1fr}.query{grid-template-columns:repeat(4,1fr)}}
@media print{:root{--bg:#fff;--fg:#000;--faint:#444;--edge:#bbb;--box:#fff;--k1:#56B4E9;--k3:#0072B2;--k2:#009E73;--k4:#D55E00;--grey:#9aa3ad;--yes:#007a59;--no:#b34700;--unclear:#7a5b00}
body{font-size:10.5pt}main,footer{max-width:none;padding:0}.wide{display:block}.narrow{display:none}
h2,h3{break-after:avoid}figure,.verdict,tr,.query li,.cards li,pre{break-inside:avoid}.scroll{overflow:visible}
*{-webkit-print-color-adjust:exact;print-color-adjust:exact}}
";
