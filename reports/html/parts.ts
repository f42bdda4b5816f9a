import { lstatSync } from 'node:fs'
import { join, relative } from 'node:path'
import type { RunRecord } from '../../harness/record.ts'
import type { EmbeddedLog } from './embedded-logs.ts'
import { html, type Html } from './html.ts'
import type { TimeScale } from './numbers.ts'

/** What every part of the page is made from. */
export interface Page {
  readonly record: RunRecord
  /** Folder of the run's results; the page lies in it. */
  readonly results: string
  readonly scale: TimeScale
  readonly logs: readonly EmbeddedLog[]
  /** Commands of a run whose workspace was kept. */
  readonly kept?: { readonly workspace: string; readonly goOn: string; readonly giveUp: string } | undefined
}

type Status = 'passed' | 'failed' | 'skipped' | 'not-run' | 'running' | 'interrupted' | 'paused'

const signs: Readonly<Record<Status, readonly [sign: string, word: string]>> = {
  passed: ['✓', 'passed'], failed: ['✗', 'failed'], skipped: ['–', 'skipped'], 'not-run': ['·', 'not run'], running: ['…', 'not finished'],
  interrupted: ['✗', 'interrupted'], paused: ['‖', 'paused'],
}

/** A status as a sign, with its word for who does not see signs. */
export const sign = (status: Status): Html =>
  html`<span class="sign ${status}"><span aria-hidden="true">${signs[status][0]}</span><span class="unseen">${signs[status][1]}</span></span>`

export const word = (status: Status): string => signs[status][1]

export const laneId = (index: number): string => `lane-${index}`
export const stageId = (lane: number, step: number): string => `stage-${lane}-${step}`
export const logId = (page: Page, path: string): string | undefined => {
  const index = page.logs.findIndex((log) => log.path === path)
  return index === -1 ? undefined : `log-${index}`
}

/** A link to a file of the results; a path that leads elsewhere, or to nothing, stays a text. */
export function fileLink(page: Page, path: string): Html {
  const inside = !/^\.\.(?:[/\\]|$)/.test(relative(page.results, join(page.results, path)))
  const isFile = inside && lstatSync(join(page.results, path), { throwIfNoEntry: false })?.isFile() === true
  if (!isFile) return html`<code>${path}</code> <span class="time">(not in the results)</span>`
  return html`<a href="${hrefOf(path)}"><code>${path}</code></a>`
}

/** Relative to the page, each part of the path encoded: a name can hold `#`, `?` or `javascript:`. */
export const hrefOf = (path: string): string => `./${path.split('/').map(encodeURIComponent).join('/')}`

/** A file, and where it can be read in the page itself. */
export function fileAndLog(page: Page, path: string): Html {
  const id = logId(page, path)
  return html`${fileLink(page, path)}${id !== undefined && html` <a class="jump" href="#${id}">read it below</a>`}`
}

/** A command with a button that copies it; where no script runs, there is no button. */
export const command = (label: string, text: string): Html =>
  html`<div class="command"><span class="label">${label}</span><pre tabindex="0" role="group" aria-label="${label}">${text}</pre><button type="button" class="copy" hidden>Copy<span class="unseen">: ${label}</span></button><span class="unseen" role="status"></span></div>`

/** More than this is no headline any more. Characters. */
const headlineLimit = 180

/** The first line in large, what follows as it was written. */
export function diagnosis(text: string): Html {
  const [first = '', ...rest] = text.split('\n')
  return html`<p class="diagnosis${first.length > headlineLimit && ' long'}">${first}</p>${rest.length > 0 && html`<pre class="told" tabindex="0" role="group" aria-label="more">${rest.join('\n')}</pre>`}`
}
