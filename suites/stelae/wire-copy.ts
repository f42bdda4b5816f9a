import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { redactorOfThisProcess } from '../../harness/redaction/of-this-process.ts'
import type { Places } from './places.ts'

/** Puts what the agent's bridge received and answered among the logs, without secrets. @throws Error when it cannot be written */
export function copyWire({ wire, wireCopy }: Pick<Places, 'wire' | 'wireCopy'>): void {
  if (!existsSync(wire)) return
  mkdirSync(dirname(wireCopy), { recursive: true })
  writeFileSync(wireCopy, readFileSync(wire, 'utf8').split('\n').map(redactorOfThisProcess().refresh().lines()).join('\n'), { mode: 0o600 })
}
