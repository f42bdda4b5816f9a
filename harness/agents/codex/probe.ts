import { spawn } from 'node:child_process'
import { fail } from '../../verdict.ts'
import { excerpt } from '../../redaction/excerpt.ts'

/** What this Codex can do, as it says itself. */
export interface CodexCapabilities {
  readonly version: string
  /** Long flags of `codex exec`, e.g. `--json`. */
  readonly flags: ReadonlySet<string>
  /** The flag that turns on JSONL. */
  readonly jsonFlag: '--json' | '--experimental-json'
  /** Whether an MCP call needs `default_tools_approval_mode="approve"` to run: 0.122 and newer. */
  readonly approvesByServer: boolean
  /** Whether `model_catalog_json` is read: 0.110 and newer; without it a model of unknown name is warned about. */
  readonly readsModelCatalog: boolean
}

const remedy = 'npm install --save-dev @openai/codex@0.169.0   (any version from 0.122.0 on)'

/**
 * Asks a Codex for its version and its `exec` flags, both at once.
 * @param deadlineMs milliseconds for each question; a start takes under 0.2 s alone, 1.7 s on a loaded machine
 * @throws VerdictError agent-protocol when it does not answer as Codex does, prerequisite when its version cannot be used
 */
export async function probeCodex(file: string, env: Readonly<Record<string, string>>, deadlineMs = 20_000): Promise<CodexCapabilities> {
  const [version, help] = await Promise.all([ask(file, ['--version'], env, deadlineMs), ask(file, ['exec', '--help'], env, deadlineMs)])
  return readCapabilities(file, version, help)
}

/** Derives capabilities from the two texts. @throws VerdictError, as `probeCodex` */
export function readCapabilities(file: string, versionText: string, helpText: string): CodexCapabilities {
  const found = /^codex(?:-cli|-exec)? (\d+)\.(\d+)\.(\d+\S*)/m.exec(versionText)
  if (!found) {
    throw fail('agent-protocol', `${file} --version answered ${quoteStart(versionText)}; expected a line like "codex-cli 0.169.0"`, { remedy })
  }
  const version = `${found[1] ?? ''}.${found[2] ?? ''}.${found[3] ?? ''}`
  const release = Number(found[1]) * 1000 + Number(found[2])
  refuseUnusable(version, release)

  const flags = new Set([...helpText.matchAll(/^ {2,}(?:-\w, )?(--[a-z][a-z-]*)/gm)].map((match) => match[1] ?? ''))
  const jsonFlag = (['--json', '--experimental-json'] as const).find((flag) => flags.has(flag))
  if (jsonFlag === undefined || !flags.has('--config')) {
    throw fail('agent-protocol', `${file} exec --help of codex ${version} names no --json or no --config flag; it answered ${quoteStart(helpText)}`, { remedy })
  }
  return { version, flags, jsonFlag, approvesByServer: release >= 122, readsModelCatalog: release >= 110 }
}

/** Bounds as measured: 0.50 lacks arguments, 0.53 has them; 0.107 hangs like 0.110, 0.121 refuses, 0.122 approves. */
function refuseUnusable(version: string, release: number): void {
  if (release < 53) {
    throw fail('prerequisite', `codex ${version} does not write the arguments of MCP calls to its transcript, so no call can be checked (0.53.0 and newer do)`, { remedy })
  }
  if (release > 100 && release < 122) {
    throw fail('prerequisite', `codex ${version} cannot be told to approve MCP calls: \`exec\` refuses or hangs on them (0.100 and older, 0.122 and newer do not)`, { remedy })
  }
}

/** Runs a short question to its end and gives its stdout. A Codex that does not answer is ended with its whole group. */
function ask(file: string, args: readonly string[], env: Readonly<Record<string, string>>, deadlineMs: number): Promise<string> {
  const question = `${file} ${args.join(' ')}`
  return new Promise((settle, reject) => {
    const child = spawn(file, args, { env, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => { stdout += text })
    child.stderr.setEncoding('utf8').on('data', (text: string) => { stderr += text })
    const refuse = (what: string, cause?: Error): void => {
      clearTimeout(timer)
      reject(fail('agent-protocol', `${question} ${what}`, { remedy, cause }))
    }
    const timer = setTimeout(() => {
      if (child.pid !== undefined) endGroup(child.pid)
      child.stdout.destroy()
      child.stderr.destroy()
      refuse(`did not answer within ${deadlineMs / 1000} s; it wrote ${quoteStart(stdout + stderr)}`)
    }, deadlineMs)
    child.once('error', (error) => { refuse(`cannot be started: ${error.message}`, error) })
    child.once('close', (code, signal) => {
      clearTimeout(timer)
      if (code === 0) settle(stdout)
      else refuse(`ended with ${signal ?? `exit code ${code ?? 'unknown'}`}: ${quoteStart(stderr || stdout)}`)
    })
  })
}

function endGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It ended in the same moment.
  }
}

function quoteStart(text: string): string {
  const line = text.trim().split('\n')[0] ?? ''
  return line === '' ? 'nothing' : JSON.stringify(excerpt(line, 200))
}
