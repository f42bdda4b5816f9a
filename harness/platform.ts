import { existsSync } from 'node:fs'
import { PrerequisiteError } from './errors.ts'

/** Processes are told apart by /proc alone. @throws PrerequisiteError */
export function checkPlatform(): void {
  if (process.platform === 'linux' && existsSync('/proc/self/stat')) return
  throw new PrerequisiteError(`clone-smoke needs Linux with /proc; this is ${process.platform}`, 'run it in a Linux machine or container')
}
