import { Redactor } from './redactor.ts'

const key = Symbol.for('clone-smoke.redactor')
const globals = globalThis as { [key]?: Redactor | undefined }

/** The redactor of this process: vitest may load a module twice, and the reports are written when the workspace is gone. */
export function redactorOfThisProcess(): Redactor {
  return globals[key] ??= new Redactor().learnFrom(process.env)
}

/** From now on this one; it learns this process's environment. */
export function useRedactor(redactor: Redactor): Redactor {
  return globals[key] = redactor.learnFrom(process.env).refresh()
}
