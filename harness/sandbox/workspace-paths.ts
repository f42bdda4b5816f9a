import { join } from 'node:path'
import { ledgerName } from './ledger.ts'

/** The places inside a workspace. Plain paths: it can be handed to another process. */
export interface WorkspacePaths {
  readonly root: string
  readonly ledger: string
  readonly progress: string
  readonly state: string
  /** Appears when the run is to stop; its text says why. */
  readonly stop: string
  readonly transcripts: string
  readonly logs: string
  /** HOME of every child. */
  readonly home: string
  readonly temporary: string
  readonly agentHome: string
}

export function workspacePaths(root: string): WorkspacePaths {
  return {
    root,
    ledger: join(root, ledgerName),
    progress: join(root, 'progress.ndjson'),
    state: join(root, 'state.json'),
    stop: join(root, 'stop'),
    transcripts: join(root, 'transcripts'),
    logs: join(root, 'logs'),
    home: join(root, 'home'),
    temporary: join(root, 'tmp'),
    agentHome: join(root, 'agent-home'),
  }
}

/** The directories that every workspace is made with. */
export function workspaceDirectories({ transcripts, logs, home, temporary, agentHome }: WorkspacePaths): string[] {
  return [transcripts, logs, home, temporary, agentHome]
}
