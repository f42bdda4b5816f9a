import { join, relative } from 'node:path'
import type { Cause, Clues, Diagnoser } from '../../harness/diagnosers/diagnoser.ts'
import { pm2Home, stateHome } from './places.ts'

/** What the proxy wrote, since its last start, into the log that pm2 keeps for it. */
function proxyLog({ paths, tail }: Clues): { readonly file: string; readonly lines: readonly string[] } {
  const path = join(pm2Home(paths), 'logs/reference-proxy-out.log')
  const lines = tail(path).split('\n')
  return { file: relative(paths.root, path), lines: lines.slice(Math.max(0, lines.findLastIndex((line) => line.includes('listening on port')))) }
}

/** Causes that are this stack's own. */
export const diagnosers: readonly Diagnoser[] = [
  {
    name: 'the proxy read another configuration',
    explains: ['port-mismatch', 'restart', 'readiness', 'catalog'],
    look: (_verdict, clues): Cause | undefined => {
      const { file, lines } = proxyLog(clues)
      const read = /listening on port \d+ with (.+)$/.exec(lines[0] ?? '')?.[1]
      const rendered = join(stateHome(clues.paths), 'proxy.json')
      if (read === undefined || read === rendered) return undefined
      return {
        cause: `the proxy read ${read}, and not what was rendered, ${rendered}`, class: 'port-mismatch', evidence: [file],
        remedy: 'let PROXY_CONFIG in ecosystem.config.cjs name $STACK_STATE_HOME/proxy.json, and nothing in the checkout',
      }
    },
  },
  {
    name: 'a server of the proxy does not run',
    explains: ['catalog', 'readiness', 'restart', 'tool-missing', 'tool-failed'],
    look: (_verdict, clues): Cause | undefined => {
      const { file, lines } = proxyLog(clues)
      const [, name = '', how = '', why = ''] = lines.map((line) => /server (\S+) (failed|ended): (.+)$/.exec(line)).find((match) => match !== null) ?? []
      if (name === '') return undefined
      return {
        cause: how === 'failed' ? `the proxy could not start server ${name}: ${why}` : `server ${name} of the proxy ended: ${why}`, evidence: [file],
        remedy: `start server ${name} by hand, as config-home/.state/proxy.json has it, in the workspace (SMOKE_KEEP=failed)`,
      }
    },
  },
  {
    name: 'a server of the proxy is slow',
    explains: ['readiness'],
    look: ({ diagnosis }): Cause | undefined => {
      const names = /"waitingFor":\["([^\]]+)"\]/.exec(diagnosis)?.[1]?.split('","')
      if (names === undefined) return undefined
      return {
        cause: `the proxy still waits for ${names.join(', ')}`,
        remedy: `find out what ${names.join(', ')} does at its start; SMOKE_RESTART_TIMEOUT gives it more time`,
      }
    },
  },
]
