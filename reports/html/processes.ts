import type { ProcessRecord } from '../../harness/record.ts'
import { html, type Html } from './html.ts'
import { count, duration, size } from './numbers.ts'
import type { Page } from './parts.ts'

export interface Node extends ProcessRecord {
  readonly children: readonly Node[]
}

/** Processes below their parents; whoever's parent is not among them stands at the top. A loop, which no kernel makes, is cut. */
export function treeOf(processes: readonly ProcessRecord[]): Node[] {
  const pids = new Set(processes.map(({ pid }) => pid))
  const seen = new Set<number>()
  const below = (parent: (process: ProcessRecord) => boolean): Node[] =>
    processes.filter(parent).flatMap((process) => {
      if (seen.has(process.pid)) return []
      seen.add(process.pid)
      return [{ ...process, children: below(({ ppid }) => ppid === process.pid) }]
    })
  const roots = below(({ ppid }) => !pids.has(ppid))
  return [...roots, ...below(() => true)]
}

/** What ran in the sandbox when the lanes had ended. */
export function processesPart({ record }: Page): Html {
  const { processes } = record
  if (!processes || processes.length === 0) return html``
  const memory = processes.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0)
  return html`<section id="processes" aria-labelledby="processes-title"><h2 id="processes-title">Processes at the end</h2>
<p class="hint">What ran in the sandbox when the lanes had ended, before anything was stopped: ${count(processes.length, 'process', 'processes')}, ${size(memory)}.</p>
<div class="card">${listOf(treeOf(processes))}</div></section>`
}

const listOf = (nodes: readonly Node[]): Html =>
  html`<ul class="tree">${nodes.map(({ pid, command, memoryBytes, ageMs, children }) => html`<li><code>${command || '(no command line)'}</code> <span class="time">pid ${pid}, ${size(memoryBytes)}, ${duration(ageMs)} old</span>${children.length > 0 && listOf(children)}</li>`)}</ul>`
