import { copyFileSync, existsSync, chmodSync } from 'node:fs'
import { join } from 'node:path'
import { UsageError } from '../../errors.ts'

/** The file of a Codex home that holds its settings. Login, history and sessions are other files, and stay where they are. */
export const settingsFile = 'config.toml'

/** The file of a Codex home that holds its login. */
export const loginFile = 'auth.json'

/** @throws UsageError when the folder is no home of Codex with settings in it */
export function checkCodexSettings(home: string): void {
  if (existsSync(join(home, settingsFile))) return
  throw new UsageError(`SMOKE_AGENT_HOME=${JSON.stringify(home)} has no ${settingsFile}`, 'name a home of Codex, e.g. ~/.codex, or leave it out: Codex then runs with the settings of the run alone')
}

/** Copies the settings, and nothing else, into the sandbox's own home of the agent (mode 0600). */
export function copyCodexSettings(from: string, to: string): void {
  copyFileSync(join(from, settingsFile), join(to, settingsFile))
  chmodSync(join(to, settingsFile), 0o600)
}
