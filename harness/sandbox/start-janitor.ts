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

/** Starts the janitor in a session of its own, with its program copied to `directory`. */
export async function startJanitor(ledgerFile: string, directory: string): Promise<Janitor> {
  const program = await writeProgram(directory)
  const child = spawn(process.execPath, [program, ledgerFile], {
    cwd: '/', env: {}, detached: true, stdio: ['pipe', 'ignore', 'ignore'],
  })
  child.unref()
  const pipe = child.stdin as (typeof child.stdin) & { unref?: () => void }
  pipe.unref?.()
  pipe.on('error', () => undefined)
  return { dismiss: () => dismiss(child) }
}

async function writeProgram(directory: string): Promise<string> {
  const harness = fileURLToPath(new URL('..', import.meta.url))
  const extension = fileURLToPath(import.meta.url).endsWith('.ts') ? '.ts' : '.js'
  if (extension === '.js') return join(harness, 'sandbox/janitor.js')
  writeFileSync(join(mkdir(directory), 'package.json'), '{"type":"module"}')
  for (const part of parts) {
    const file = join(harness, `${part}.ts`)
    const { code } = await transformWithOxc(readFileSync(file, 'utf8'), file, { sourcemap: false })
    const target = join(directory, `${part}.js`)
    mkdir(dirname(target))
    writeFileSync(target, code.replaceAll(/(from\s+["']\.[^"']*)\.ts(["'])/g, '$1.js$2'))
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
