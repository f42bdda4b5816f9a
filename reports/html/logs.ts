import { html, type Html } from './html.ts'
import { count, size } from './numbers.ts'
import { fileLink, type Page } from './parts.ts'

/** Every log and transcript that the page has room for, and one search through all of them. */
export function logsPart(page: Page): Html {
  const { logs } = page
  if (logs.length === 0) return html``
  const cut = logs.filter(({ leftOut }) => leftOut > 0)
  const missing = cut.reduce((sum, { leftOut }) => sum + leftOut, 0)
  return html`<section id="logs" aria-labelledby="logs-title"><h2 id="logs-title">Logs</h2>
<p class="hint">${count(logs.length, 'file')}, ${size(logs.reduce((sum, { bytes }) => sum + bytes, 0))}.${cut.length > 0 && ` Of ${count(cut.length, 'long file')}, ${size(missing)} are not in this page: the files beside it have them.`}</p>
<form class="search" role="search" hidden><label for="query">Find lines in all logs</label><input id="query" type="search" autocomplete="off" spellcheck="false"><p id="found" role="status"></p></form>
<div id="hits"></div>
<div class="loglist">${logs.map((log, index) => log.text === '' ? html`<div class="log empty" id="log-${index}"><span class="path"><code>${log.path}</code></span> <span class="time">empty</span></div>` : html`<details class="log" id="log-${index}"><summary><span class="path"><code>${log.path}</code></span> <span class="time">${size(log.bytes)}${log.leftOut > 0 && (log.text === undefined ? ', not in this page' : `, ${size(log.leftOut)} of it not in this page`)}</span></summary>
<p class="file">${log.text === undefined ? 'Too long for this page: ' : 'The file: '}${fileLink(page, log.path)}</p>${log.text !== undefined && html`<pre class="text" tabindex="0" role="group" aria-label="${log.path}">${log.text}</pre>`}</details>`)}</div>
</section>`
}
