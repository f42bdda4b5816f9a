import { agentEvent } from '../agents.ts'
import { isRecord, showCli, type Answer, type Exam } from '../exam.ts'
import { aoCheck, type AoChecks } from '../lanes/checks-lane.ts'
import { sessionOf } from '../world.ts'

const idOf = ({ body }: Answer): string | undefined => isRecord(body.orchestrator) && typeof body.orchestrator.id === 'string' ? body.orchestrator.id : undefined
const listOf = async (exam: Exam): Promise<string[]> => {
  const { body } = await exam.api('GET', '/orchestrators')
  const all = isRecord(body) ? Object.values(body).find(Array.isArray) as { id: string }[] | undefined : undefined
  return (all ?? []).map(({ id }) => id)
}

export const orchestratorChecks: AoChecks = {
  '4.1 spawn by the API': aoCheck(30, async (exam, world) => {
    await world.project(exam)
    const answer = await exam.api('POST', '/orchestrators', [], { json: { projectId: 'ws' } })
    const id = idOf(answer)
    if (!exam.expect(answer.status === 201 && id !== undefined, 'spawn', 'POST /orchestrators answers {orchestrator: {id, projectId}}', answer.shown) || id === undefined) return
    world.memory.set('orchestrator', id)
    exam.expect(isRecord(answer.body.orchestrator) && answer.body.orchestrator.projectId === 'ws', 'project', 'the answer has its projectId', answer.shown)
    const started = await agentEvent(world.daemon.agentLog, ({ event, session }) => event === 'started' && session === id)
    exam.expect(started !== undefined, 'agent', 'its agent is started', 'none was')
    exam.expect((await sessionOf(exam, id)).kind === 'orchestrator', 'kind', 'its kind is orchestrator', JSON.stringify(await sessionOf(exam, id)))
  }),
  '4.1 a local repository, as it was registered': aoCheck(30, async (exam, world) => {
    await world.project(exam, 'local', {})
    const before = await exam.holdings()
    const answer = await exam.api('POST', '/orchestrators', [], { json: { projectId: 'local' }, as: 'a repository without a remote' })
    exam.expect(answer.status === 201, 'spawn-local', 'an orchestrator of a registered project can be spawned', answer.shown)
    if (answer.status !== 201) await exam.nothingNew(before, 'a repository without a remote', answer.shown)
  }),
  '4.1 what cannot be spawned is refused': aoCheck(40, async (exam) => {
    for (const [as, options] of Object.entries({ 'no project': { json: {} }, 'an unknown project': { json: { projectId: 'nobody' } }, 'a number': { json: { projectId: 7 } }, 'no body': { raw: '' }, 'half of JSON': { raw: '{' }, 'clean that is a text': { json: { projectId: 'ws', clean: 'yes' } } })) {
      await exam.refused('POST', '/orchestrators', [], { ...options, as })
    }
  }),
  '4.2 ls, list and get have the same': aoCheck(20, async (exam, world) => {
    const id = world.memory.get('orchestrator')
    if (id === undefined) throw new Error('there is no orchestrator to look for')
    const cli = await exam.ao(['orchestrator', 'ls', '--json'])
    exam.expect(cli.exitCode === 0 && cli.stdout.includes(`"${id}"`), 'ls', '`ao orchestrator ls` lists it', showCli(cli))
    const listed = await listOf(exam)
    exam.expect(listed.includes(id), 'list', 'GET /orchestrators lists it', listed.join(', '))
    const { data } = cli.exitCode === 0 ? JSON.parse(cli.stdout) as { data?: { id: string }[] } : {}
    exam.expect(JSON.stringify(data?.map((one) => one.id).toSorted()) === JSON.stringify(listed.toSorted()), 'same', '`ao orchestrator ls` and GET /orchestrators have the same set', `${showCli(cli)}; GET /orchestrators: ${listed.join(', ')}`)
    const got = await exam.api('GET', '/orchestrators/{}', [id])
    exam.expect(got.status === 200 && got.text.includes(`"${id}"`), 'get', 'GET /orchestrators/{id} has it', got.shown)
    const worker = await world.session(exam, { harness: 'kimi' })
    await exam.refused('GET', '/orchestrators/{}', [worker], { as: 'a worker' }, ['SESSION_NOT_FOUND'])
    await exam.refused('GET', '/orchestrators/{}', ['nobody-1'], { as: 'an unknown id' }, ['SESSION_NOT_FOUND'])
    const plain = await exam.ao(['session', 'ls', '--json'])
    const all = await exam.ao(['session', 'ls', '--json', '--all'])
    exam.expect(!plain.stdout.includes(`"${id}"`) && all.stdout.includes(`"${id}"`), 'session-ls', '`session ls` has it only with --all', `${showCli(plain)}; ${showCli(all)}`)
  }),
  '4.1 a clean one takes the place of the one before': aoCheck(40, async (exam, world) => {
    await world.project(exam)
    const before = world.memory.get('orchestrator') ?? idOf(await exam.api('POST', '/orchestrators', [], { json: { projectId: 'ws' } })) ?? ''
    exam.byHand('ao orchestrator ls', [before])
    const answer = await exam.api('POST', '/orchestrators', [], { json: { projectId: 'ws', clean: true }, as: 'clean' })
    const fresh = idOf(answer)
    exam.expect(answer.status === 201 && fresh !== undefined && fresh !== before, 'clean', 'a clean spawn answers with a new orchestrator', answer.shown)
    const old = await sessionOf(exam, before)
    if (answer.status === 201) exam.expect(old.isTerminated === true, 'clean-old', 'the one before has ended', JSON.stringify(old))
    else exam.expect(old.isTerminated === false, 'clean-lost', 'a clean spawn that fails leaves the one before alive', JSON.stringify(old))
  }),
}
