/* The style sheet of report_html(): light, dark, on paper, on a phone. */
#include "migrate/report-private.h"

#include <stddef.h>

/* clang-format off */
const char *const report_style[] = {
	":root{color-scheme:light dark;--paper:#f6f5f1;--card:#fff;"
	    "--ink:#1b2226;--soft:#59646b;--line:#e2dfd8;--moved:#1d7d6f;"
	    "--pale:#8cc4ba;--held:#c77f18;--wait:#b4bcc2;--bad:#c53d2c;"
	    "--mail:#4d6fa8;--chip:#f0eee8}",
	"@media (prefers-color-scheme:dark){",
	":root{--paper:#12171a;--card:#1a2125;--ink:#e9edee;--soft:#9ba8af;"
	    "--line:#2b353b;--moved:#45b3a0;--pale:#2c6d63;--held:#e3a345;"
	    "--wait:#55626a;--bad:#f27b67;--mail:#7fa3dd;--chip:#263036}",
	"}",
	"*{box-sizing:border-box}",
	"html{-webkit-text-size-adjust:100%;text-size-adjust:100%}",
	"body{margin:0;background:var(--paper);color:var(--ink);"
	    "font:1rem/1.55 system-ui,-apple-system,\"Segoe UI\",Roboto,"
	    "\"Noto Sans\",\"Liberation Sans\",sans-serif;"
	    "font-variant-numeric:tabular-nums;"
	    "-webkit-print-color-adjust:exact;print-color-adjust:exact}",
	"main{max-width:66rem;margin:0 auto;padding:clamp(1.5rem,5vw,4rem) "
	    "clamp(1rem,4vw,2.5rem) 3rem}",
	".eyebrow{margin:0 0 1rem;color:var(--soft);font-size:.8125rem;"
	    "letter-spacing:.06em;text-transform:uppercase;display:flex;"
	    "gap:.6rem;align-items:center}",
	".eyebrow svg{width:1.25rem;height:1.25rem;flex:none}",
	"h1{margin:0;font-size:clamp(1.75rem,4.6vw,3rem);line-height:1.12;"
	    "font-weight:680;letter-spacing:-.022em;text-wrap:balance;"
	    "max-width:20em}",
	".but{display:flex;flex-wrap:wrap;gap:.5rem;margin:1.1rem 0 0;"
	    "padding:0;list-style:none}",
	".but li{display:flex;align-items:center;gap:.5rem;padding:.2rem "
	    ".8rem .2rem .65rem;border:1px solid var(--line);"
	    "border-radius:2rem;background:var(--card);font-weight:600}",
	".but i{width:.625rem;height:.625rem;border-radius:50%;"
	    "background:var(--wait)}",
	".lede{margin:1.1rem 0 0;font-size:1.0625rem;color:var(--soft);"
	    "max-width:44em;text-wrap:pretty}",
	"h2{margin:3rem 0 .35rem;font-size:1.3125rem;line-height:1.25;"
	    "font-weight:650;letter-spacing:-.012em}",
	"h3{margin:1.6rem 0 .4rem;font-size:1rem;font-weight:650;"
	    "overflow-wrap:anywhere}",
	"h2+.card{margin-top:.9rem}",
	"h2+p{margin:0 0 1rem;color:var(--soft);max-width:46em}",
	".card{background:var(--card);border:1px solid var(--line);"
	    "border-radius:.75rem}",
	".figures{display:grid;grid-template-columns:repeat(4,1fr);"
	    "margin:2.25rem 0 0;padding:0;overflow:hidden}",
	".figures div{padding:1.1rem 1.25rem;border-left:1px solid "
	    "var(--line)}",
	".figures div:first-child{border-left:0}",
	".figures dt{font-size:.8125rem;color:var(--soft)}",
	".figures dd{margin:0}",
	".figures .big{font-size:clamp(1.45rem,2.6vw,1.9rem);"
	    "line-height:1.25;font-weight:640;letter-spacing:-.02em}",
	".figures .small{font-size:.8125rem;color:var(--soft);"
	    "line-height:1.4}",
	".whole{display:flex;height:.875rem;border-radius:.4375rem;"
	    "overflow:hidden;gap:2px;margin:1.5rem 0 0}",
	".whole i{display:block;min-width:4px;background:var(--wait)}",
	".legend{display:flex;flex-wrap:wrap;gap:.3rem 1.25rem;"
	    "margin:.65rem 0 0;padding:0;list-style:none;font-size:.875rem;"
	    "color:var(--soft)}",
	".legend i{display:inline-block;width:.625rem;height:.625rem;"
	    "border-radius:2px;margin-right:.45rem;background:var(--wait)}",
	".legend b{color:var(--ink);font-weight:600}",
	"i.v{background:var(--moved)}",
	"i.m{background:var(--pale)}",
	"i.h{background:var(--held)}",
	"i.b{background:var(--bad)}",
	"i.o{background:var(--mail)}",
	".runs{display:flex;flex-wrap:wrap;gap:1.5rem 1rem;padding:1.25rem "
	    "1.25rem 1rem}",
	".run{flex:1 1 9rem;margin:0;min-width:0}",
	".run svg{display:block;width:100%;height:7.5rem;overflow:visible;"
	    "border-bottom:1px solid var(--line);"
	    "background:linear-gradient(var(--line),var(--line)) 0 0/100% "
	    "1px no-repeat,linear-gradient(var(--line),var(--line)) 0 "
	    "50%/100% 1px no-repeat}",
	".run svg+.scale{margin-top:.9rem}",
	".run svg.low{height:4.5rem}",
	".scale{font-size:.8125rem;color:var(--soft);line-height:1.3;"
	    "padding-bottom:.3rem;min-height:1.4rem}",
	".run path.n{fill:var(--moved)}",
	".run path.o{fill:var(--mail);fill-opacity:.22;stroke:var(--mail);"
	    "stroke-width:1.5;vector-effect:non-scaling-stroke;"
	    "stroke-linejoin:round}",
	".run figcaption{display:flex;flex-wrap:wrap;"
	    "justify-content:space-between;gap:0 1rem;padding-top:.4rem;"
	    "font-size:.8125rem;color:var(--soft)}",
	"table{width:100%;border-collapse:collapse;font-size:.9375rem}",
	"th{font-weight:500;font-size:.8125rem;color:var(--soft);"
	    "text-align:left;padding:.7rem .75rem .5rem}",
	"td{padding:.6rem .75rem;border-top:1px solid var(--line);"
	    "vertical-align:top}",
	"th:first-child,td:first-child{padding-left:1.25rem}",
	"th:last-child,td:last-child{padding-right:1.25rem}",
	".n{text-align:right;white-space:nowrap}",
	"td b{font-weight:600;overflow-wrap:anywhere}",
	"td small{display:block;color:var(--soft);font-size:.8125rem;"
	    "line-height:1.4;overflow-wrap:anywhere}",
	"td small.t{color:var(--held)}",
	"td.e{color:var(--soft);opacity:.6}",
	"td .h{color:var(--held);font-weight:600}",
	"td .b{color:var(--bad);font-weight:600}",
	".box td{vertical-align:middle}",
	".box td:first-child{width:34%}",
	".box .g{width:24%;padding-right:0}",
	".bar{display:block;height:.75rem;border-radius:2px;min-width:3px;"
	    "width:calc(var(--w)*1%);background:linear-gradient(90deg,"
	    "var(--moved) 0 calc(var(--m)*1%),var(--held) 0 "
	    "calc(var(--h)*1%),var(--bad) 0 calc(var(--r)*1%),var(--wait) "
	    "0)}",
	"details>summary{cursor:pointer;padding:.85rem 1.25rem;"
	    "font-weight:550}",
	"details.card,.card+.msgs{margin-top:1rem}",
	".msgs{list-style:none;margin:0;padding:0}",
	".msgs li{padding:.8rem 1.25rem;border-top:1px solid var(--line)}",
	".msgs li:first-child{border-top:0}",
	".msgs p{margin:0;overflow-wrap:anywhere}",
	".msgs .s{font-weight:600}",
	".msgs .k{margin-top:.2rem;font-size:.8125rem;color:var(--soft)}",
	".msgs .more{color:var(--soft);font-size:.875rem}",
	".chip{display:inline-block;padding:.05rem .5rem;"
	    "border-radius:1rem;background:var(--chip);color:var(--soft);"
	    "font-size:.75rem;font-weight:600;margin-right:.55rem;"
	    "white-space:nowrap;vertical-align:.06em}",
	".chip.h{color:var(--held)}",
	".chip.b{color:var(--bad)}",
	"code{font:.9375em/1.4 ui-monospace,SFMono-Regular,Menlo,"
	    "\"Liberation Mono\",monospace;overflow-wrap:anywhere}",
	".read{display:grid;grid-template-columns:minmax(7rem,max-content) "
	    "1fr;gap:.5rem 1.5rem;margin:0;padding:1.25rem}",
	".read dt{font-weight:600}",
	".read dd{margin:0;color:var(--soft)}",
	"footer{margin-top:2.5rem;color:var(--soft);font-size:.8125rem}",
	"@media (max-width:44rem){",
	".figures{grid-template-columns:1fr 1fr}",
	".figures div:nth-child(3){border-left:0}",
	".figures div:nth-child(n+3){border-top:1px solid var(--line)}",
	".run{flex-basis:100%}",
	".scale:empty{display:none}",
	".run+.run svg{height:5rem}",
	"table,tbody,tr,td{display:block}",
	"thead{display:none}",
	"tr{border-top:1px solid var(--line);padding:.8rem 1rem}",
	"tbody tr:first-child{border-top:0}",
	"td,td:first-child,td:last-child{border:0;padding:0}",
	"td.n{display:inline-block;text-align:left;margin:.15rem .9rem 0 0;"
	    "font-size:.875rem;white-space:normal}",
	"td.n.e{display:none}",
	".box td:first-child,.box .g{width:auto}",
	".box .g{margin:.4rem 0 .2rem}",
	"td.n::after{content:\" \" attr(data-l);color:var(--soft)}",
	".read{grid-template-columns:1fr;gap:.1rem}",
	".read dd{margin-bottom:.7rem}",
	"}",
	"@media print{",
	":root{--paper:#fff;--card:#fff;--ink:#000;--soft:#444;--line:#ccc;"
	    "--moved:#1d7d6f;--pale:#8cc4ba;--held:#b06c0c;--wait:#b4bcc2;"
	    "--bad:#b02a1a;--mail:#4d6fa8;--chip:#eee}",
	"@page{margin:16mm 14mm}",
	"html{font-size:10pt}",
	"main{max-width:none;padding:0 1px}",
	"h1{font-size:22pt}",
	"h2{break-after:avoid;margin-top:1.6rem}",
	"h3{break-after:avoid}",
	"tr,.msgs li,.figures,.run{break-inside:avoid}",
	"thead{display:table-header-group}",
	"}",
	NULL
};
/* clang-format on */
