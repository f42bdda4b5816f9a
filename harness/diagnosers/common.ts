import { statfsSync } from 'node:fs'
import { excerpt } from '../redaction/excerpt.ts'
import type { Verdict } from '../verdict.ts'
import type { Clues, Diagnoser } from './diagnoser.ts'

/** Causes that any stack can have. */
export const commonDiagnosers: readonly Diagnoser[] = [
  {
    name: 'the disk is full',
    look: (verdict, clues) => {
      // ENOSPC alone may be said of file watchers too, or in the name of a test.
      const line = lineWith(/no space left on device/i, verdict, clues)
      if (line === undefined) return undefined
      const left = roomLeft(clues.paths.root)
      return {
        cause: `the disk is full: ${line}${left === undefined ? '' : ` (${left} MB are left now where ${clues.paths.root} is)`}`,
        remedy: left !== undefined && left >= plentyMb
          ? 'see which other file system is full, or was for a while: df -h; then run again'
          : `make room where ${clues.paths.root} is, see: df -h ${clues.paths.root}; then run again`,
      }
    },
  },
  {
    name: 'a module is not there',
    explains: ['bootstrap-step', 'restart', 'check-failed'],
    look: (verdict, clues) => {
      const line = lineWith(missingModule, verdict, clues, lastLines)
      const name = line === undefined ? undefined : missingModule.exec(line)?.[1]
      // A path is a file of the checkout's own, and no package.
      if (name === undefined || /^[./]/.test(name)) return undefined
      return { cause: `the module ${name} is not there`, remedy: `declare ${name} among the dependencies of the checkout, or see why they were not installed` }
    },
  },
  {
    name: 'the agent refused every call',
    explains: ['tool-failed'],
    look: (_verdict, { stage }) => {
      const made = stage?.observed ?? []
      const reason = made[0]?.error
      if (stage === undefined || made.length === 0 || !made.every(({ status, error }) => status === 'failed' && refusal.test(error ?? ''))) return undefined
      return {
        class: 'agent-protocol', cause: `${stage.agent.name} ${stage.agent.version} refused ${made.length === 1 ? 'the only call' : `all ${made.length} calls`} itself, and none reached the stack (${reason ?? ''})`,
        remedy: 'this version wants another setting to approve calls; try one that is known to work (SMOKE_AGENT_BIN), the stack is not to blame',
      }
    },
  },
]

/** With so much room left it was another file system, or only for a moment. MB. */
const plentyMb = 1000

function roomLeft(path: string): number | undefined {
  try {
    const { bavail, bsize } = statfsSync(path)
    return Math.floor(bavail * bsize / 1e6)
  } catch {
    return undefined
  }
}

/** What Node and Python end with when nobody caught it. Source: their own messages, Node 20 and Python 3.11. */
const missingModule = /(?:^|last line: )\s*(?:\w*Error(?: \[\w+\])?: )(?:Cannot find (?:package|module)|No module named) ['"]([^'"]+)['"]/

/** What Codex says of a call that it does not make: 0.118 to 0.145, and newer. */
const refusal = /user cancelled MCP tool call|requires approval/i

/** So near to its end a log tells what ended its program, Node's stack included; what was said before was survived. */
const lastLines = 40

/** The first line that matches, in the diagnosis or the ends of the logs that are its evidence. */
function lineWith(pattern: RegExp, { diagnosis, evidence }: Verdict, { tail }: Clues, most = Infinity): string | undefined {
  const lines = [diagnosis, ...evidence.filter((path) => path.endsWith('.log')).map(tail)].flatMap((text) => text.trimEnd().split('\n').slice(-most))
  const line = lines.find((one) => pattern.test(one))?.trim()
  return line === undefined ? undefined : excerpt(line, 300)
}
