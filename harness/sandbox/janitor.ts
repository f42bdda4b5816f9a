import { readLedger, sandboxOf } from './ledger.ts'
import { finishLedger, removeWorkspace, salvageEvidence } from './finish.ts'

/**
 * The janitor: a process of its own that outlives the harness. It holds one end of a pipe; when the pipe closes without
 * the word `clean`, the harness died, and the janitor finishes the ledger in its place.
 */
async function main(): Promise<void> {
  const ledgerFile = process.argv[2]
  if (ledgerFile === undefined) throw new Error('usage: janitor <ledger file>')
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined)
  let heard = ''
  for await (const chunk of process.stdin) heard += String(chunk)
  if (heard.includes('clean')) return
  const sandbox = sandboxOf(readLedger(ledgerFile))
  if (!sandbox) return
  // Nobody is left to be told of a problem: each part is tried whatever became of the others.
  await finishLedger(ledgerFile, { harness: true }).catch(() => undefined)
  try {
    salvageEvidence(sandbox.workspace, sandbox.results)
  } catch {
    // The results folder may be gone, or the disk full.
  }
  if (!sandbox.keep) removeWorkspace(sandbox)
}

await main()
