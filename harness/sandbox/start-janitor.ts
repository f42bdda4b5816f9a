import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { dirname, join } from 'node:path'
import { janitorTitle } from './find-janitor.ts'
import type { Owner } from './owner.ts'

/** What a janitor has to know before there is a ledger. All paths are absolute. */
export interface JanitorTask {
  /** Where the ledger is, or will be. */
  readonly ledger: string
  readonly workspace: string
  /** Of this run: by it the ledger of an earlier one is told apart. */
  readonly results: string
  /** The topmost directory that will be made for the workspace; undefined where that is there. */
  readonly made: string | undefined
  /** The harness. */
  readonly owner: Owner
  /** The directory of the port locks. */
  readonly temporary: string
  /** Removed at the harness's end in any case. */
  readonly paths: readonly string[]
}

export interface Janitor {
  /** Resolves when it watches: from then on whatever is made will be undone. Rejects when it did not start. */
  readonly ready: Promise<void>
  /** The sandbox is undone or kept on purpose. The janitor stays until this process ends, for the `paths` of its task. */
  done(): void
}

/** What a bare Node is given to run: the text of a module, or the path of one that is JavaScript already. */
export type JanitorProgram = { readonly text: string } | { readonly file: string }

/** Makes the janitor's program of the sources that are there; nothing is written. */
export async function janitorProgram(): Promise<JanitorProgram> {
  const file = join(import.meta.dirname, 'janitor.js')
  return import.meta.url.endsWith('.ts') ? { text: await inOnePiece(file.replace(/js$/, 'ts'), new Map()) } : { file }
}

/** A TypeScript module as JavaScript that needs no other file: what it imports by a relative path is inside, as data URLs. */
async function inOnePiece(file: string, known: Map<string, Promise<string>>): Promise<string> {
  // Only here: what was built needs no bundler.
  const { transformWithOxc } = await import('vite')
  let { code } = await transformWithOxc(readFileSync(file, 'utf8'), file, { sourcemap: false })
  for (const [statement, path = ''] of code.matchAll(/(?<=from\s+)["'](\.[^"']*)["']/g)) {
    const imported = join(dirname(file), path)
    const text = known.get(imported) ?? inOnePiece(imported, known)
    known.set(imported, text)
    code = code.replace(statement, `'data:text/javascript;base64,${Buffer.from(await text).toString('base64')}'`)
  }
  return code
}

/** Starts it in a session of its own, with nothing of this process's environment. */
export function startJanitor(program: JanitorProgram, task: JanitorTask): Janitor {
  const how = 'text' in program ? ['--input-type=module', '-'] : [program.file]
  const child = spawn(process.execPath, [...how, janitorTitle, String(task.owner.pid), task.ledger], { cwd: '/', env: {}, detached: true, stdio: ['pipe', 'ignore', 'ignore', 'pipe'] })
  // An extra pipe is a socket, both ways (child_process, options.stdio).
  const line = child.stdio[3] as Socket
  for (const pipe of [child.stdin, line]) pipe?.on('error', () => undefined)
  child.stdin?.end('text' in program ? program.text : '')
  line.write(`${JSON.stringify(task)}\n`)
  const ready = Promise.race([
    new Promise<void>((resolve) => line.once('data', () => { resolve() })),
    once(child, 'error').then(([error]) => { throw new Error('the janitor, which cleans up when this process is killed, could not be started', { cause: error }) }),
    once(child, 'exit').then(([code]) => { throw new Error(`the janitor, which cleans up when this process is killed, ended at once (exit code ${String(code)})`) }),
  ]).finally(() => {
    child.unref()
    line.unref()
  })
  // Whoever waits for it is told; before that nobody need be.
  ready.catch(() => undefined)
  return { ready, done: () => { line.write('done\n') } }
}
