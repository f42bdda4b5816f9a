/** What the reports need of a run, in the memory of the main process: its files may be gone, or never have been written. */
export interface ThisRun {
  readonly run: string
  readonly suite: string
  readonly workspace: string
  readonly results: string
  readonly junitAttachments: 'absolute' | 'relative'
  /** Vitest's filters for a run that goes on. */
  readonly filters: readonly string[]
  /** `progress.ndjson` as it was at the end. */
  readonly progress: string
}

const key = Symbol.for('clone-smoke.this-run')
const globals = globalThis as { [key]?: ThisRun }

/** Reporters and global setups may have this module twice; the process is the same. */
export function rememberRun(run: ThisRun): void {
  globals[key] = run
}

export function rememberedRun(): ThisRun | undefined {
  return globals[key]
}
