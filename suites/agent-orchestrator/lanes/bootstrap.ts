import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { step, type StepContext } from '../../../harness/suite.ts'
import { excerpt } from '../../../harness/redaction/excerpt.ts'
import { fail, verdictOf } from '../../../harness/verdict.ts'
import { cacheDirectory, keyOf, madeOnce } from '../../../helpers/cached.ts'
import { routesIn, type Capabilities } from '../capabilities.ts'
import { Exam, Seen } from '../exam.ts'
import { schemaOf } from '../database.ts'
import type { Daemon } from '../daemon.ts'
import { optionsOf } from '../options.ts'
import { lane, type Built } from '../states.ts'
import { daemonOf } from './checks-lane.ts'

export const bootstrap = lane({
  name: 'bootstrap',
  proves: 'AO can be built and started, and says what it is',
  needs: 'nothing',
  leaves: 'built',
  steps: { build: step(900), version: step(20), doctor: step(30), capabilities: step(40) },
  work: async ({ step }) => {
    const { binary, commit } = await step('build', build)
    await step('version', async ({ run, paths, fact, options }) => {
      const { aoBin } = optionsOf(options)
      const remedy = aoBin === undefined ? undefined : `name a program of AO: SMOKE_AO_BIN=<file> is ${aoBin}`
      const version = await run({ file: binary, args: ['version'], cwd: paths.root }).catch((cause: unknown) => {
        const { diagnosis, evidence } = verdictOf(cause, 'bootstrap-step')
        throw fail('bootstrap-step', diagnosis, { evidence, remedy, cause })
      })
      if (version.trim() === '') throw fail('bootstrap-step', '`ao version` says nothing', { remedy })
      fact('version.ao', version.trim())
    })
    const { terminal, zellij } = await step('doctor', (context) => look(context, binary))
    const can = await step('capabilities', (context) => ask(context, { binary, can: { terminal, routes: [], schema: 0 }, ...(zellij !== undefined && { zellij }) }))
    return { binary, can, ...(commit !== undefined && { commit }), ...(zellij !== undefined && { zellij }) }
  },
})

/** Takes the given program, or builds the source: once per commit and Go where runs share a cache. */
async function build(context: StepContext): Promise<Pick<Built, 'binary' | 'commit'>> {
  const { paths, options, env, run, clone, fact, note } = context
  const { aoBin } = optionsOf(options)
  const bin = join(paths.root, 'ao-bin')
  mkdirSync(bin)
  const binary = join(bin, 'ao')
  if (aoBin !== undefined) {
    copyFileSync(aoBin, binary)
    chmodSync(binary, 0o755)
    fact('source.ao', `the program ${aoBin}`)
    const commit = commitIn(binary)
    if (commit !== undefined) fact('version.commit', commit)
    return { binary, ...(commit !== undefined && { commit }) }
  }
  const { path, commit } = await clone('ao')
  const go = (await run({ name: 'go-version', file: 'go', args: ['version'], cwd: paths.root })).replace('go version ', '')
  fact('version.go', go)
  const { directory, found } = await madeOnce(join(cacheDirectory(env), 'agent-orchestrator'), keyOf([commit, go]), async (directory) => {
    await run({ name: 'go-build', file: 'go', args: ['build', '-trimpath', '-o', join(directory, 'ao'), './cmd/ao'], cwd: join(path, 'backend'), env: { CGO_ENABLED: '0', GOFLAGS: '-modcacherw' } })
  })
  if (found) note(`AO ${commit.slice(0, 7)} was built before by ${go}: taken from the cache`)
  symlinkSync(join(directory, 'ao'), binary)
  return { binary, commit }
}

/** What Go writes into a program that is built in a checkout: https://pkg.go.dev/runtime/debug#BuildSetting */
function commitIn(program: string): string | undefined {
  const bytes = readFileSync(program)
  const at = bytes.indexOf('vcs.revision=')
  return at === -1 ? undefined : /^[0-9a-f]{40}/.exec(bytes.toString('latin1', at + 13, at + 53))?.[0]
}

/** Which terminal program this version looks for, and whether a real one is there. */
async function look(context: StepContext, binary: string): Promise<{ terminal: Capabilities['terminal']; zellij?: string }> {
  const { options, env, fact, note } = context
  const probe = daemonOf(context, { binary, can: { terminal: 'zellij', routes: [], schema: 0 } }, 'stranger')
  const { stdout, stderr } = await probe.ao(['doctor', '--json'])
  let names: string[]
  try {
    names = (JSON.parse(stdout) as { checks: { name: string }[] }).checks.map(({ name }) => name)
  } catch {
    throw fail('bootstrap-step', `\`ao doctor --json\` does not answer with its checks: ${excerpt(`${stdout}${stderr}`, 300)}`)
  }
  const terminal = names.includes('tmux') ? 'tmux' : 'zellij'
  const tmux = (await execa('tmux', ['-V'], { reject: false })).stdout
  fact('platform', `${process.platform} ${process.arch}`)
  if (terminal === 'zellij') removesSharedDirectory(context)
  if (terminal === 'tmux') {
    fact('version.terminal', tmux)
    return { terminal }
  }
  const real = optionsOf(options).zellij === 'auto' ? await execa('zellij', ['--version'], { env: { PATH: env.PATH ?? '' }, extendEnv: false, reject: false }) : undefined
  const [, minor = 0, patch = 0] = /(\d+)\.(\d+)\.(\d+)/.exec(real?.stdout ?? '')?.slice(1).map(Number) ?? []
  if (real && !real.failed && (minor > 44 || (minor === 44 && patch >= 3))) {
    fact('version.terminal', real.stdout)
    return { terminal, zellij: (await execa('sh', ['-c', 'command -v zellij'])).stdout }
  }
  fact('version.terminal', `a stand-in for zellij over ${tmux}`)
  note('no zellij of 0.44.3 or newer is used: terminal sessions are those of a program of the suite that answers the same commands over tmux')
  return { terminal }
}

/** Versions that use zellij make one directory for all daemons of a user, whatever they are told: it goes with the run that made it. */
export function removesSharedDirectory({ undo, paths }: Pick<StepContext, 'undo' | 'paths'>): void {
  const shared = `/tmp/ao-zellij-${process.getuid?.() ?? ''}`
  if (!existsSync(shared)) undo({ name: 'shared-directory', file: 'sh', args: ['-c', 'rmdir "$0" 2>/dev/null || true', shared], cwd: paths.root })
}

async function ask(context: StepContext, built: Pick<Built, 'binary' | 'can' | 'zellij'>): Promise<Capabilities> {
  const daemon = daemonOf(context, built, 'stranger')
  const started = await daemon.start()
  if (started.exitCode !== 0) throw fail('restart', `the daemon does not start: ${started.stderr}`, { evidence: [daemon.logEvidence] })
  let openapi: string
  try {
    openapi = (await new Exam(daemon, new Seen(), 'capabilities', () => undefined).api('GET', '/openapi.yaml')).text
  } finally {
    await daemon.stop()
  }
  return { terminal: built.can.terminal, routes: routesIn(openapi), schema: readSchema(context, daemon), tellsSkipped: /^\s+skipped:/m.test(openapi) }
}

function readSchema({ fact }: StepContext, daemon: Daemon): number {
  try {
    const schema = schemaOf(daemon)
    fact('version.schema', schema === 0 ? 'none: the database keeps no migrations' : String(schema))
    return schema
  } catch (error) {
    fact('version.schema', `not read: ${error instanceof Error ? error.message : String(error)}`)
    return 0
  }
}
