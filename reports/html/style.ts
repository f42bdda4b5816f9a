import { palettes, variables } from './palette.ts'

/** The page's style sheet. Widths: up to 44rem it is a phone. */
export const style = `
:root{color-scheme:light dark;${variables(palettes.light)}--mono:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
@media (prefers-color-scheme:dark){:root{${variables(palettes.dark)}}}
*{box-sizing:border-box}
html{scroll-padding-top:3.5rem;-webkit-text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--text);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,"DejaVu Sans",sans-serif;overflow-wrap:anywhere}
main,header,footer{max-width:72rem;margin:0 auto;padding:0 1.25rem}
a{color:var(--link);text-underline-offset:.15em}
a:not(:hover){text-decoration-thickness:1px}
:focus-visible{outline:3px solid var(--link);outline-offset:2px;border-radius:3px}
code,pre{font-family:var(--mono);font-size:.8125rem}
pre{margin:0;white-space:pre-wrap;tab-size:2}
h1,h2,h3,h4{line-height:1.25;margin:0;font-weight:650}
h1{font-size:1.9rem;letter-spacing:-.015em;display:flex;gap:.6rem;align-items:center}
h2{font-size:1.3rem;letter-spacing:-.01em;margin:0 0 .75rem}
h3{font-size:1rem}
h4{font-size:.875rem;margin:.75rem 0 .25rem}
p{margin:0 0 .6rem}
ul,ol{margin:0;padding-left:1.25rem}
section{margin:0 0 2.75rem}
.unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.skip{position:absolute;left:-100vw;top:0;background:var(--surface);padding:.6rem 1rem;z-index:9}
.skip:focus{left:.5rem;top:.5rem}
header{display:flex;flex-wrap:wrap;gap:.25rem 1.5rem;align-items:baseline;padding-top:.7rem;padding-bottom:.7rem}
.brand{margin:0}
nav ul{list-style:none;display:flex;flex-wrap:wrap;gap:.15rem 1.1rem;padding:0;font-size:.9375rem}
nav a{text-decoration:none;display:inline-block;padding:.15rem 0}
nav a:hover{text-decoration:underline}
footer{color:var(--muted);font-size:.875rem;padding-bottom:3rem}
.hint,.about,.who,.time,.reason,.same,.of,.label{color:var(--muted)}
.hint{font-size:.875rem}
.time,.of{font-weight:400;font-size:.875rem}
.card{background:var(--surface);border:1px solid var(--line);border-radius:10px;padding:1rem 1.15rem;margin:0 0 .9rem}
.card.bad{border-left:5px solid var(--bad)}
.card>:last-child,.more>:last-child,.side>:last-child{margin-bottom:0}
.card h3:not(:first-child){margin:1rem 0 .3rem}
.plain,.files,.steps,.talk,.diff,.tree,.strip,.stats,.hit-lines{list-style:none;padding:0}
.plain li,.files li{margin:0 0 .3rem}
.jump{font-size:.8125rem;margin-left:.5rem;white-space:nowrap}
.tag{display:inline-block;font-size:.75rem;font-weight:600;line-height:1.5;padding:0 .45rem;border-radius:9px;background:var(--sunken);color:var(--muted);border:1px solid var(--line);vertical-align:middle}
.tag.warn{background:var(--warn-soft);color:var(--warn);border-color:var(--warn)}
.badge{display:inline-block;font-family:var(--mono);font-size:.8125rem;background:var(--bad-soft);color:var(--bad);border:1px solid var(--bad);border-radius:5px;padding:.05rem .45rem;margin-right:.35rem}

.sign{display:inline-flex;align-items:center;justify-content:center;width:1.35em;height:1.35em;border-radius:50%;font-size:.8125rem;font-weight:700;flex:none;background:var(--sunken);color:var(--muted);border:1px solid var(--edge)}
.sign.passed{background:var(--good-soft);color:var(--good);border-color:var(--good)}
.sign.failed,.sign.interrupted{background:var(--bad-soft);color:var(--bad);border-color:var(--bad)}
.sign.running,.sign.paused{background:var(--warn-soft);color:var(--warn);border-color:var(--warn)}
h1 .sign{font-size:1.35rem}

.verdict{background:var(--surface);border:1px solid var(--line);border-top:6px solid var(--edge);border-radius:12px;padding:1.5rem 1.6rem 1.2rem;margin-top:.4rem}
.verdict.passed{border-top-color:var(--good)}
.verdict.failed,.verdict.interrupted{border-top-color:var(--bad)}
.verdict.paused{border-top-color:var(--warn)}
.verdict h2{margin:1.6rem 0 .6rem}
.verdict .card{background:var(--page)}
.about{margin:.5rem 0 1rem}
.standing{font-weight:600;margin:.6rem 0 0}
.stats{display:flex;flex-wrap:wrap;gap:.35rem 1.6rem;margin:0 0 1rem}
.strip{display:flex;flex-wrap:wrap;gap:.5rem}
.strip a{display:flex;gap:.45rem;align-items:center;background:var(--sunken);border:1px solid var(--line);border-radius:99px;padding:.25rem .8rem .25rem .35rem;color:var(--text);text-decoration:none}
.strip a:hover{border-color:var(--link)}
.class{font-size:.9375rem;color:var(--muted)}
.class strong:not(.badge){color:var(--text)}
.diagnosis{font-size:1.0625rem;font-weight:550;white-space:pre-wrap;margin-bottom:.5rem}
.diagnosis.long{font-weight:400;font-size:1rem}
.told{background:var(--sunken);border:1px solid var(--line);border-radius:6px;padding:.6rem .75rem;max-height:24rem;overflow:auto;margin:0 0 .6rem}
.command{display:grid;grid-template-columns:1fr auto;gap:.25rem .6rem;align-items:center;margin:0 0 .75rem}
.command .label{grid-column:1/-1;font-size:.8125rem;margin:0}
.command pre{background:var(--sunken);border:1px solid var(--line);border-radius:6px;padding:.5rem .7rem}
button{font:inherit;font-size:.875rem;color:var(--text);background:var(--surface);border:1px solid var(--edge);border-radius:6px;padding:.4rem .9rem;min-width:5.5rem;cursor:pointer}
button:hover{border-color:var(--link);color:var(--link)}
.followed{margin:0 0 .6rem}
.followed h3{margin:.6rem 0 .2rem;font-size:.875rem}
.notes{margin-top:1.2rem}
.notes h2{display:inline;font-size:1rem}
.notes ul{margin-top:.4rem;font-size:.875rem}
.notes li{margin-bottom:.35rem}

summary{cursor:pointer}
details.tests .plain li{display:flex;gap:.45rem}
details.tests{margin:.5rem 0 0;font-size:.875rem}
details.tests>summary{color:var(--muted);width:fit-content}
details.tests[open]>summary{margin-bottom:.35rem}

dl,dd{margin:0}
.facts>div{display:grid;grid-template-columns:6rem 1fr;gap:1rem;padding:.3rem 0}
.facts>div+div{border-top:1px solid var(--line)}
.card.facts h3{margin:0;font-size:.9375rem}
.facts dl{display:flex;flex-wrap:wrap;gap:.1rem 1.75rem}
.facts dl>div{display:flex;gap:.5rem;align-items:baseline}
.facts dt{color:var(--muted);font-size:.9375rem;white-space:nowrap}

.lane{background:var(--surface);border:1px solid var(--line);border-radius:10px;padding:.75rem 1rem;margin:0 0 .7rem}
.lane h3{display:flex;flex-wrap:wrap;gap:.5rem;align-items:center;margin-bottom:.35rem}
.lane .reason{font-size:.9375rem;margin:0}
.row{display:grid;grid-template-columns:15rem minmax(0,1fr) 8.5rem 9rem;gap:0 1rem;align-items:center;padding:.2rem .35rem;border-radius:6px;font-size:.9375rem}
summary.row{list-style:none}
summary.row::-webkit-details-marker{display:none}
summary.row .name::before,.call>summary::before{content:"";flex:none;width:.4rem;height:.4rem;border:solid var(--edge);border-width:0 2px 2px 0;transform:rotate(-45deg);margin-right:.15rem}
details[open]>summary.row .name::before,.call[open]>summary::before{transform:rotate(45deg)}
summary.row:hover,.call>summary:hover{background:var(--sunken)}
.row .name{display:flex;flex-wrap:wrap;gap:.1rem .45rem;align-items:center}
.row.still .name{padding-left:.95rem;color:var(--muted)}
.row .spent{text-align:right;font-variant-numeric:tabular-nums;font-size:.875rem}
.row .share{display:grid;grid-template-columns:1fr 3.9rem;gap:.5rem;align-items:center;font-size:.8125rem;color:var(--muted);font-variant-numeric:tabular-nums}
.row .share span{text-align:right;white-space:nowrap}
svg{display:block;overflow:visible}
.axis{padding:0 calc(1rem + .35rem + 1px);display:grid;grid-template-columns:15rem minmax(0,1fr) 8.5rem 9rem;gap:0 1rem}
.axis svg{grid-column:2}
.axis text,.curves text{fill:var(--muted);font-size:12px}
.grid{stroke:var(--line)}
.budget{stroke:var(--edge);stroke-width:1.25}
.ran{fill:var(--bar)}
.ran.failed{fill:var(--bad)}
.ran.running{fill:var(--warn)}
.track{fill:var(--sunken);stroke:var(--line)}
.used{fill:var(--bar)}
.used.half{fill:var(--warn)}
.used.over{fill:var(--bad)}
.share .mark{stroke:var(--edge);stroke-width:1.5}
.more{margin:.15rem 0 .6rem 1.3rem;padding:.5rem .8rem;border-left:3px solid var(--line);font-size:.9375rem}

.stage{background:var(--surface);border:1px solid var(--line);border-radius:10px;padding:.9rem 1.1rem;margin:0 0 1rem}
.stage h3{display:flex;gap:.5rem;align-items:center}
.who{font-size:.875rem;margin:.25rem 0 .75rem}
.talk>li{margin:0 0 .55rem}
.said{background:var(--sunken);border-radius:10px;padding:.5rem .85rem;max-width:50rem}
.said.asked{border-left:4px solid var(--link)}
.said.ended{background:none;padding-left:0}
.said p{margin:0}
.said.ended p,.said.ended .speaker{display:inline}
.stage>.files{display:flex;flex-wrap:wrap;gap:0 1.5rem;margin-top:.5rem;font-size:.875rem}
.words{white-space:pre-wrap}
.speaker{display:block;font-size:.8125rem;color:var(--muted)}
.call{border:1px solid var(--line);border-radius:8px;background:var(--surface)}
.call.wrong{border-color:var(--bad);border-left-width:5px}
.call>summary{list-style:none;display:flex;flex-wrap:wrap;gap:.3rem .6rem;align-items:center;padding:.45rem .75rem;border-radius:8px}
.call>summary::-webkit-details-marker{display:none}
.call>:not(summary){margin-left:.85rem;margin-right:.85rem}
.tool{font-weight:600}
.args{color:var(--muted);flex:1 1 12rem;min-width:0;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.findings{display:flex;flex-wrap:wrap;gap:.35rem}
.finding{font-size:.8125rem;border:1px solid var(--edge);border-radius:99px;padding:0 .55rem;color:var(--muted)}
.finding.passed{color:var(--good);border-color:var(--good);background:var(--good-soft)}
.finding.failed{color:var(--bad);border-color:var(--bad);background:var(--bad-soft);font-weight:650}
.disagree{background:var(--bad-soft);border:1px solid var(--bad);border-radius:6px;padding:.45rem .7rem;margin-top:.2rem}
.why{margin-bottom:.6rem;font-size:.9375rem}
.why>div{display:grid;grid-template-columns:9.5rem 1fr;gap:.75rem}
.why dt{color:var(--muted)}
.sides{display:grid;grid-template-columns:1fr 1fr;gap:1.2rem;padding-bottom:.8rem}
.side{min-width:0;font-size:.875rem}
.side h4{margin:.1rem 0 .25rem}
.side .label{margin:.3rem 0 .15rem;font-size:.8125rem}
.side pre{background:var(--sunken);border-radius:6px;padding:.5rem .65rem;max-height:20rem;overflow:auto}

.change{padding:.7rem 1rem;margin-bottom:.6rem;display:grid;grid-template-columns:11rem 1fr;gap:.2rem 1rem}
.change h3{display:flex;gap:.5rem;align-items:center;align-self:start}
.change h4{margin:.1rem 0}
.lists{display:flex;flex-wrap:wrap;gap:.2rem 2.5rem}
.list.changed{flex:1 1 100%}
.list .tests{margin-top:.1rem}
.diff{columns:20rem;column-gap:1rem;margin-top:.3rem}
.diff li{break-inside:avoid}
.same{font-size:.875rem;margin:0}
.diff li{padding:.05rem .5rem .05rem 1.5rem;text-indent:-1rem;border-radius:4px;margin-bottom:2px}
.diff li>span:first-child{display:inline-block;text-indent:0;width:1ch;font-family:var(--mono);font-weight:700}
li.added,span.added{background:var(--good-soft);color:var(--good)}
li.removed,span.removed{background:var(--bad-soft);color:var(--bad)}
span.added,span.removed{padding:0 .4rem;border-radius:4px}

.filter{border:0;padding:0;margin:0 0 .6rem;display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;font-size:.9375rem}
.filter legend{float:left;padding:0;margin-right:1.2rem;color:var(--muted)}
.filter label{display:flex;gap:.4rem;align-items:center;min-height:1.75rem}
.filter input{width:1.1rem;height:1.1rem;margin:0;accent-color:var(--link)}
.promises{background:var(--surface);border:1px solid var(--line);border-radius:10px;padding:.25rem 0}
.promise{padding:.45rem 1rem;border-left:5px solid transparent}
.promise+.promise{border-top:1px solid var(--line)}
.promise.new{border-left-color:var(--bad)}
.promise.stale{border-left-color:var(--warn)}
.promise.stale p{margin:0}
.promise[open]>summary{margin-bottom:.45rem}
.promise .section{font-variant-numeric:tabular-nums;font-weight:600}
.promise .title{font-weight:550}
.promise code.id{color:var(--muted);font-size:.75rem}
.group{margin:0 0 1.2rem}
.group h3{margin:0 0 .5rem}
.tag.new{background:var(--bad-soft);color:var(--bad);border-color:var(--bad)}
#findings:has(#show-new:not(:checked)) .group.new,#findings:has(#show-known:not(:checked)) .group.known,#findings:has(#show-stale:not(:checked)) .group.stale{display:none}

.search{position:sticky;top:0;background:var(--page);padding:.6rem 0;z-index:2}
.search label{display:block;font-size:.875rem;font-weight:600;margin-bottom:.25rem}
.search input{font:inherit;width:100%;max-width:34rem;padding:.5rem .75rem;color:var(--text);background:var(--surface);border:1px solid var(--edge);border-radius:8px}
#found{font-size:.875rem;color:var(--muted);margin:.3rem 0 0;min-height:1.3em}
.hit-file{margin:.6rem 0 .2rem;font-size:.875rem;font-family:var(--mono)}
.hit{display:block;width:100%;text-align:left;border:0;border-radius:4px;background:none;font-family:var(--mono);font-size:.8125rem;padding:.2rem .5rem}
.hit:hover{background:var(--sunken);color:var(--text)}
#hits:not(:empty){background:var(--surface);border:1px solid var(--line);border-radius:10px;padding:.3rem .9rem .8rem;margin-bottom:1rem;max-height:32rem;overflow:auto}
mark{background:var(--mark);color:var(--text);border-radius:2px}
.loglist{background:var(--surface);border:1px solid var(--line);border-radius:10px;padding:.25rem 0}
.log{padding:.25rem 1rem}
.log+.log{border-top:1px solid var(--line)}
.log.empty{color:var(--muted);padding-left:2.15rem}
.log .file{font-size:.875rem;margin:.35rem 0}
.log pre.text{background:var(--sunken);border-radius:6px;padding:.6rem .75rem;max-height:34rem;overflow:auto}

.curves{padding:.9rem 1rem}
.curves svg{width:100%;height:auto;max-width:68rem}
.curves .narrow{display:none}
.curves .title{fill:var(--text);font-weight:600}
.curves .value{text-anchor:end}
.curves .step{text-anchor:end;fill:var(--text);font-size:11px}
.lead{stroke:var(--edge);fill:none;stroke-width:.8}
.base{stroke:var(--line)}
.band.even{fill:var(--sunken)}
.band.odd{fill:none}
.area{fill:var(--bar);opacity:.16}
.curve{fill:none;stroke:var(--bar);stroke-width:1.75;stroke-linejoin:round}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.25rem .75rem .25rem 0;border-bottom:1px solid var(--line);font-weight:400}
thead th{color:var(--muted)}
.numbers td,.numbers th:not(:first-child){text-align:right;font-variant-numeric:tabular-nums}

.tree .tree{margin-left:.5rem;padding-left:1rem;border-left:2px solid var(--line)}
.tree li{padding:.15rem 0}

@media (max-width:44rem){
.change{grid-template-columns:1fr}
.facts>div{grid-template-columns:1fr;gap:.1rem}
main,header,footer{padding-left:.8rem;padding-right:.8rem}
h1{font-size:1.45rem}
.verdict{padding:1.1rem 1rem .8rem}
.row{grid-template-columns:minmax(0,1fr) auto;gap:.1rem .75rem}
.row .gantt,.row .share{grid-column:1/-1}
.row .share{grid-template-columns:1fr 4.2rem}
.row .spent{grid-row:1;grid-column:2}
.axis{grid-template-columns:minmax(0,1fr)}
.axis svg{grid-column:1}
.axis text:nth-child(even){display:none}
.lane{padding:.7rem .6rem}
.axis{padding:0 calc(.6rem + .35rem + 1px)}
.command{grid-template-columns:1fr}
.command button{justify-self:start}
.sides{grid-template-columns:1fr;gap:.6rem}
.why>div{grid-template-columns:1fr;gap:0;margin-bottom:.35rem}
.call>summary .args{flex-basis:60%}
.findings{flex-basis:100%}
.curves{padding:.7rem .4rem}
.curves .wide{display:none}
.curves .narrow{display:block}
.tree .tree{margin-left:.2rem;padding-left:.6rem}
.jump{display:inline-block}
}
@media (prefers-reduced-motion:no-preference){html{scroll-behavior:smooth}}
`
