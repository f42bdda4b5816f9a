import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isRecord, jsonOf, showCli, type Exam } from '../exam.ts'
import { aoCheck, type AoChecks } from '../lanes/checks-lane.ts'
import type { RepositoryShape } from '../world.ts'

const origin = 'https://github.com/acme/repo.git'
const projectOf = async (exam: Exam, id: string): Promise<Readonly<Record<string, unknown>>> => {
  const { body } = await exam.api('GET', '/projects/{}', [id])
  return isRecord(body.project) ? body.project : {}
}
const idsIn = async (exam: Exam): Promise<string[]> => {
  const { body } = await exam.api('GET', '/projects')
  return (Array.isArray(body.projects) ? body.projects as { id: string }[] : []).map(({ id }) => id)
}

/** Repositories that are odd, and as legal as any. */
const legal: Readonly<Record<string, { name: string; shape: RepositoryShape }>> = {
  'default branch master': { name: 'master', shape: { branch: 'master', origin } },
  'default branch trunk, no remote': { name: 'trunk', shape: { branch: 'trunk' } },
  'a detached HEAD': { name: 'detached', shape: { origin, detached: true } },
  'uncommitted changes': { name: 'dirty', shape: { origin, dirty: true } },
  'no commit yet': { name: 'empty', shape: { empty: true } },
  'spaces and umlauts in the path': { name: 'Füße & co', shape: { origin } },
  'an origin over ssh': { name: 'ssh', shape: { origin: 'git@github.com:acme/repo.git' } },
}

export const projectChecks: AoChecks = {
  '2.1 add registers a clone with its origin': aoCheck(20, async (exam, world) => {
    const path = await world.repository('smoke-repo', { origin })
    const added = await exam.ao(['project', 'add', '--path', path, '--id', 'ws', '--name', 'Workspace'])
    exam.expect(added.exitCode === 0 && added.stdout.includes('ws'), 'add', 'a repository can be registered', showCli(added))
    const got = await exam.ao(['project', 'get', 'ws', '--json'])
    exam.expect(got.exitCode === 0 && got.stdout.includes(origin), 'origin', 'the record has the URL of origin', showCli(got))
    exam.expect((await projectOf(exam, 'ws')).path === path, 'path', 'the record has the path', showCli(got))
    exam.expect(got.stdout.includes('repoOriginURL'), 'name-repoOriginURL', '`project get --json` includes repoOriginURL', `its field is called "repo": ${showCli(got)}`, 'unclear')
  }),
  '2.1 add registers a local repository with an empty origin': aoCheck(20, async (exam, world) => {
    const path = await world.repository('smoke-local')
    const added = await exam.ao(['project', 'add', '--path', path, '--id', 'local'])
    exam.expect(added.exitCode === 0, 'add-local', 'a repository without a remote can be registered', showCli(added))
    const { repo } = await projectOf(exam, 'local')
    exam.expect((repo ?? '') === '', 'origin-local', 'its origin is empty', JSON.stringify(repo))
  }),
  '2.1 add makes an id of the directory, where none is given': aoCheck(20, async (exam, world) => {
    const path = await world.repository('No Id Given', { origin })
    const answer = await exam.api('POST', '/projects', [], { json: { path } })
    exam.expect(answer.status === 201, 'default-id', 'a project without an id gets one that is legal', answer.shown)
  }),
  '2.1 add refuses what is no new repository, and registers nothing': aoCheck(60, async (exam, world) => {
    const path = await world.repository('other', { origin })
    const { root } = world.daemon
    mkdirSync(join(path, 'sub'))
    mkdirSync(join(root, 'r', 'plain'))
    writeFileSync(join(root, 'r', 'file'), '')
    symlinkSync(join(root, 'r', 'nowhere'), join(root, 'r', 'dangling'))
    const registered = join(root, 'r', 'smoke-repo')
    const cases: Readonly<Record<string, { json?: unknown; raw?: string; codes?: string[] }>> = {
      'no path': { json: { projectId: 'x' } }, 'an empty path': { json: { path: '' } }, 'a path that is not there': { json: { path: join(root, 'r', 'none') } },
      'a directory without a repository': { json: { path: join(root, 'r', 'plain') }, codes: ['NOT_A_GIT_REPO'] }, 'a file': { json: { path: join(root, 'r', 'file') } },
      'a link to nothing': { json: { path: join(root, 'r', 'dangling') } }, 'a directory inside a repository': { json: { path: join(path, 'sub') } },
      'the same path again': { json: { path: registered, projectId: 'again' }, codes: ['PATH_ALREADY_REGISTERED'] },
      'an id that is taken': { json: { path, projectId: 'ws' }, codes: ['ID_ALREADY_REGISTERED'] },
      'a path that is a number': { json: { path: 7 } }, 'an id that is a list': { json: { path, projectId: ['x'] } }, 'a NUL in the path': { json: { path: 'a\u0000b' } },
      'a path of 5000 characters': { json: { path: `/${'x'.repeat(5000)}` } }, 'an array': { json: [] }, null: { json: null }, 'no body': { raw: '' }, 'half of JSON': { raw: '{"path":' },
      ...Object.fromEntries(['a..b', '../x', 'a/b', '.', '..', '-x', 'a b', 'x\ny', 'ä', 'x'.repeat(300), '~', 'a\u0000b', 'HEAD^'].map((id) => [`the id ${JSON.stringify(id.slice(0, 20))}`, { json: { path, projectId: id } }])),
    }
    for (const [as, { codes, ...body }] of Object.entries(cases)) {
      const { status, body: { project } } = await exam.refused('POST', '/projects', [], { ...body, as }, codes, as.startsWith('the id') ? 'low' : 'high')
      if (status < 400 && isRecord(project)) await exam.one(() => exam.api('DELETE', '/projects/{}', [String(project.id)]))
    }
    const noPath = await exam.ao(['project', 'add', '--id', 'y'])
    exam.expect(noPath.exitCode === 2, 'usage-exit', 'a missing --path is a usage error: exit 2', showCli(noPath))
  }),
  '2.1 add takes every legal repository, and tells its default branch': aoCheck(60, async (exam, world) => {
    let index = 0
    for (const [as, { name, shape }] of Object.entries(legal)) {
      const path = await world.repository(name, shape)
      index += 1
      const id = `legal-${index}`
      await exam.one(async () => {
        const answer = await exam.api('POST', '/projects', [], { json: { path, projectId: id }, as })
        if (!exam.expect(answer.status === 201, `legal ${as}`, `a repository with ${as} can be registered`, answer.shown)) return
        const project = await projectOf(exam, id)
        if (shape.origin !== undefined) exam.expect(project.repo === shape.origin, `legal-origin ${as}`, 'the record has the URL of origin', JSON.stringify(project), 'low')
        if (project.defaultBranch !== undefined) exam.expect(project.defaultBranch === (shape.branch ?? 'main'), `default-branch ${as}`, `the record tells the default branch, ${shape.branch ?? 'main'}`, JSON.stringify(project), 'low')
        exam.expect(project.path === path, `legal-path ${as}`, 'the record has the path as it is', JSON.stringify(project))
      })
    }
  }),
  '2.1 add at the same time registers once': aoCheck(30, async (exam, world) => {
    const path = await world.repository('at-once', { origin })
    const json = { path, projectId: 'at-once' }
    exam.byHand(`for i in 1 2 3 4 5 6 7 8; do ${exam.curl('POST', '/projects', [], { json })} & done; wait`, [path])
    const answers = await Promise.all(Array.from({ length: 8 }, () => exam.api('POST', '/projects', [], { json, as: 'eight at once', untold: true })))
    const made = answers.filter(({ status }) => status === 201).length
    exam.expect(made === 1, 'registered-twice', 'of eight equal requests at once one registers, the others are refused', `${made} answered 201; ${answers.map(({ status }) => status).join(' ')}`)
  }),
  '2.2 ls lists all, sorted': aoCheck(15, async (exam) => {
    const ids = await idsIn(exam)
    exam.expect(['ws', 'local'].every((id) => ids.includes(id)), 'ls', 'both projects are listed', ids.join(', '))
    exam.expect(JSON.stringify(ids) === JSON.stringify(ids.toSorted()), 'ls-order', 'the list has an order that stays', ids.join(', '), 'low')
    const text = await exam.ao(['project', 'ls'])
    exam.expect(text.exitCode === 0 && text.stdout.includes('ws') && text.stdout.includes('local'), 'ls-text', '`ao project ls` shows both', showCli(text))
    const json = await exam.ao(['project', 'ls', '--json'])
    const { projects } = jsonOf(json)
    exam.expect(json.exitCode === 0 && Array.isArray(projects) && projects.length === ids.length, 'ls-json', '`ao project ls --json` has as many as the API', showCli(json))
  }),
  '2.3 get of what is not there': aoCheck(15, async (exam) => {
    await exam.refused('GET', '/projects/{}', ['nobody'], { as: 'an unknown project' }, ['PROJECT_NOT_FOUND'])
    const cli = await exam.ao(['project', 'get', 'nobody'])
    exam.expect(cli.exitCode === 1 && cli.stderr.includes('PROJECT_NOT_FOUND'), 'get-unknown', 'exit 1 and the code', showCli(cli))
  }),
  '2.4 rm removes, and the path can be registered again': aoCheck(30, async (exam, world) => {
    const path = join(world.daemon.root, 'r', 'smoke-local')
    const aborted = await exam.ao(['project', 'rm', 'local'], { input: 'no\n' })
    exam.expect((await idsIn(exam)).includes('local'), 'rm-unconfirmed', 'without the confirmation nothing is removed', showCli(aborted))
    const removed = await exam.ao(['project', 'rm', 'local', '--yes'])
    exam.expect(removed.exitCode === 0 && !(await idsIn(exam)).includes('local'), 'rm', 'the project is gone from the list', showCli(removed))
    await exam.refused('GET', '/projects/{}', ['local'], { as: 'a removed project' }, ['PROJECT_NOT_FOUND'])
    const again = await exam.api('POST', '/projects', [], { json: { path, projectId: 'local' }, as: 'again after rm' })
    exam.expect(again.status === 201, 'add-again', 'a removed project can be registered again', again.shown)
    await exam.refused('DELETE', '/projects/{}', ['nobody'], { as: 'an unknown project' }, ['PROJECT_NOT_FOUND'])
  }),
  '2.4 rm of a project with a session that lives': aoCheck(30, async (exam, world) => {
    const session = await world.session(exam, { project: 'lives', harness: 'kimi' })
    const removed = await exam.ao(['project', 'rm', 'lives', '--yes'])
    const alive = (await world.daemon.terminals.list()).includes(session)
    // Either is sound: it is refused, or takes its sessions along.
    exam.expect(removed.exitCode !== 0 || !alive, 'orphan', 'a project that is removed leaves no session that works on', `${showCli(removed)}; the terminal session ${session} ${alive ? 'lives' : 'is gone'}`, 'high', 'ao session ls --all')
    if (alive) await world.daemon.terminals.kill(session)
  }),
  '2 projects are there after a restart': aoCheck(30, async (exam, world) => {
    const before = await idsIn(exam)
    await world.daemon.stop()
    await world.daemon.start()
    const after = await idsIn(exam)
    exam.expect(JSON.stringify(after) === JSON.stringify(before), 'lost', 'projects outlive a restart of the daemon', `before ${before.join(', ')}; after ${after.join(', ')}`)
  }),
}
