import { spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { transformWithOxc } from 'vite'

export interface Janitor {
  /** Tells it that everything is done; resolves when it has gone. */
  dismiss(): Promise<void>
}

/** How long the janitor may take to leave when it is told to. Milliseconds. */
const dismissMs = 5000

/** The janitor and all it imports: it must run on a bare Node that cannot read TypeScript. */
const parts = ['sandbox/janitor', 'sandbox/finish', 'sandbox/ledger', 'processes/table']

/** A janitor whose program is ready: to start it takes no time in which its sandbox could be left alone. */
export interface PreparedJanitor {
  /** Starts it in a session of its own, with its program written to `directory`. */
  start(ledgerFile: string, directory: string): Janitor
}

/** Makes the janitor's program; nothing is written yet. */
export async function prepareJanitor(): Promise<PreparedJanitor> {
  const files = await program()
  return {
    start: (ledgerFile, directory) => {
      const child = spawn(process.execPath, [write(files, directory), ledgerFile], {
        cwd: '/', env: {}, detached: true, stdio: ['pipe', 'ignore', 'ignore'],
      })
      child.unref()
      const pipe = child.stdin as (typeof child.stdin) & { unref?: () => void }
      pipe.unref?.()
      pipe.on('error', () => undefined)
      return { dismiss: () => dismiss(child) }
    },
  }
}

const harness = fileURLToPath(new URL('..', import.meta.url))

/** File names and texts; none where the program is JavaScript already, and can be run where it is. */
async function program(): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>()
  if (!import.meta.url.endsWith('.ts')) return files
  for (const part of parts) {
    const file = join(harness, `${part}.ts`)
    const { code } = await transformWithOxc(readFileSync(file, 'utf8'), file, { sourcemap: false })
    files.set(`${part}.js`, code.replaceAll(/(from\s+["']\.[^"']*)\.ts(["'])/g, '$1.js$2'))
  }
  return files
}

/** Writes the program and returns the path of the file to run. */
function write(files: ReadonlyMap<string, string>, directory: string): string {
  if (files.size === 0) return join(harness, 'sandbox/janitor.js')
  writeFileSync(join(mkdir(directory), 'package.json'), '{"type":"module"}')
  for (const [name, text] of files) {
    mkdir(dirname(join(directory, name)))
    writeFileSync(join(directory, name), text)
  }
  return join(directory, 'sandbox/janitor.js')
}

function mkdir(path: string): string {
  mkdirSync(path, { recursive: true })
  return path
}

function dismiss(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) {
      resolve()
      return
    }
    child.ref()
    const timer = setTimeout(resolve, dismissMs)
    child.once('exit', () => {
      clearTimeout(timer)
      resolve()
    })
    child.stdin?.end('clean')
  })
}
