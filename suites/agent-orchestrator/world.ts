import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { execa } from 'execa'
import { fail } from '../../harness/verdict.ts'
import { quoted } from './by-hand.ts'
import type { Capabilities } from './capabilities.ts'
import type { Daemon } from './daemon.ts'
import { isRecord, type Exam } from './exam.ts'

export interface RepositoryShape {
  /** Default: main. */
  readonly branch?: string
  /** With an origin on GitHub whose branch was fetched once, as a clone has it. */
  readonly origin?: string
  readonly empty?: boolean
  readonly detached?: boolean
  readonly dirty?: boolean
}

/** What the checks of one lane share: a daemon, and repositories, projects and sessions for it. */
export class World {
  readonly daemon: Daemon
  readonly can: Capabilities
  /** Where somebody of this lane wanted to go outside of this machine, once for each time. */
  readonly outside: () => readonly string[]
  readonly #projects = new Map<string, { id: string; path: string }>()
  readonly #repositories = new Map<string, string>()
  #worker: string | undefined
  /** Values that one check leaves for the next. */
  readonly memory = new Map<string, string>()

  constructor(daemon: Daemon, can: Capabilities, outside: World['outside']) {
    this.daemon = daemon
    this.can = can
    this.outside = outside
  }

  async git(cwd: string, ...args: string[]): Promise<string> {
    const { stdout, stderr, exitCode } = await execa('git', args, { cwd, env: { ...this.daemon.env }, extendEnv: false, reject: false })
    if (exitCode !== 0) throw fail('harness-bug', `git ${args.join(' ')} in ${cwd}: ${stderr}`)
    return stdout
  }

  /** Makes a repository in the lane's directory. */
  async repository(name: string, { branch = 'main', origin, empty = false, detached = false, dirty = false }: RepositoryShape = {}): Promise<string> {
    const path = join(this.daemon.root, 'r', name)
    mkdirSync(dirname(path), { recursive: true })
    mkdirSync(path)
    await this.git(path, 'init', '--quiet', `--initial-branch=${branch}`)
    if (!empty) {
      writeFileSync(join(path, 'README.md'), `# ${name}\n`)
      await this.git(path, 'add', '--all')
      await this.git(path, 'commit', '--quiet', '--message', 'first')
    }
    if (origin !== undefined) {
      await this.git(path, 'remote', 'add', 'origin', origin)
      if (!empty) await this.git(path, 'update-ref', `refs/remotes/origin/${branch}`, 'HEAD')
    }
    if (detached) await this.git(path, 'checkout', '--quiet', '--detach')
    if (dirty) writeFileSync(join(path, 'README.md'), 'changed\n')
    const git = `git -C ${quoted(name)}`
    this.daemon.made.set(path, { uses: [], lines: [[
      `git init -q -b ${branch} ${quoted(name)}`, ...(empty ? [] : [`${git} commit -q --allow-empty -m first`]),
      ...(origin === undefined ? [] : [`${git} remote add origin ${origin}`, ...(empty ? [] : [`${git} update-ref refs/remotes/origin/${branch} HEAD`])]),
      ...(detached ? [`${git} checkout -q --detach`] : []), ...(dirty ? [`echo changed > ${quoted(name)}/README.md`] : []),
    ].join(' && ')] })
    return path
  }

  /** A registered project of a repository like most: an origin on GitHub, default branch main. Made once per id. */
  async project(exam: Exam, id = 'ws', shape: RepositoryShape = { origin: `https://github.com/acme/${id}.git` }): Promise<{ id: string; path: string }> {
    const known = this.#projects.get(id)
    if (known) return known
    // It is there already where AO did not take it the first time.
    const path = this.#repositories.get(id) ?? await this.repository(id, shape)
    this.#repositories.set(id, path)
    const answer = await exam.api('POST', '/projects', [], { json: { path, projectId: id } })
    if (answer.status !== 201) throw fail('check-failed', `a plain repository could not be registered: ${answer.shown}`)
    // From some version on nothing is spawned by default: a project says which agent its orchestrators are.
    if (this.can.routes.includes('PUT /api/v1/projects/{}/config')) {
      const json = { config: { orchestrator: { agent: 'claude-code' } } }
      await exam.api('PUT', '/projects/{}/config', [id], { json, untold: true })
      const made = this.daemon.made.get(id)
      if (made) this.daemon.made.set(id, { ...made, lines: [...made.lines, exam.curl('PUT', '/projects/{}/config', [id], { json })] })
    }
    const project = { id, path }
    this.#projects.set(id, project)
    return project
  }

  /** A new session of project `ws`, or as said. @throws VerdictError when there is none */
  async session(exam: Exam, options: { project?: string; harness?: string; prompt?: string; branch?: string } = {}): Promise<string> {
    const { id } = await this.project(exam, options.project)
    const answer = await exam.api('POST', '/sessions', [], { json: { projectId: id, harness: options.harness ?? 'claude-code', prompt: options.prompt ?? 'do nothing', ...(options.branch !== undefined && { branch: options.branch }) } })
    const session = isRecord(answer.body.session) ? answer.body.session.id : undefined
    if (answer.status !== 201 || typeof session !== 'string') throw fail('check-failed', `a plain session could not be made: ${answer.shown}`)
    return session
  }

  /** A session that any check may use that leaves it alive; made once. */
  async worker(exam: Exam): Promise<string> {
    this.#worker ??= await this.session(exam, { harness: 'kimi' })
    return this.#worker
  }

  worktree(session: string, project = 'ws'): string {
    return join(this.daemon.data, 'worktrees', project, session)
  }
}

/** A session as GET tells it; empty where there is none. */
export async function sessionOf(exam: Exam, id: string): Promise<Readonly<Record<string, unknown>>> {
  const { body } = await exam.api('GET', '/sessions/{}', [id])
  return isRecord(body.session) ? body.session : {}
}

export const activityOf = (session: Readonly<Record<string, unknown>>): unknown => isRecord(session.activity) ? session.activity.state : undefined
