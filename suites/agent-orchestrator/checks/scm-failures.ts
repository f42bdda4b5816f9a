import { comes } from '../comes.ts'
import type { Failure } from '../github/client.ts'
import { gitHubChecks } from '../github/lane.ts'
import type { AoChecks } from '../lanes/checks-lane.ts'
import { asked, branchOf, build, complaints, expectPull, fits, goodManners, look, needs, onGitHub, onlyPull, remember, repo, shown, soon, spawnOn, tick } from './scm.ts'

/** A repository for each way of failing, with an open pull request that AO knows. */
const flaky: Readonly<Record<string, Failure>> = {
  'acme/f-502': { route: '*', kind: 'server-error', status: 502 }, 'acme/f-limit': { route: '*', kind: 'rate-limited' }, 'acme/f-abuse': { route: '*', kind: 'secondary-rate-limit' },
  'acme/f-cut': { route: '*', kind: 'cut' }, 'acme/f-sso': { route: '*', kind: 'forbidden', message: 'Resource protected by organization SAML enforcement.' },
}
const projectOf = (of: string): string => of.replace('acme/', '')
/** Apart from what the observer does while all is well: both wait for its ticks, and neither for the other. */
export const scmFailureChecks: AoChecks = gitHubChecks({
  '6.2 the pull requests of several repositories are found': [120, async (exam, world, lane) => {
    const { github } = lane
    await github.setRepository(repo)
    await lane.start(exam)
    await github.setPull({ repo, number: 7, head: branchOf('red'), checks: [build('red')] })
    await spawnOn(exam, world, 'red')
    for (const of of ['acme/quiet', ...Object.keys(flaky)]) {
      await github.setRepository(of)
      await github.setPull({ repo: of, number: 1, head: branchOf(of), checks: [build('green')] })
      await spawnOn(exam, world, of, projectOf(of))
    }
    await look(exam, world, lane)
    for (const name of ['red', 'acme/quiet', ...Object.keys(flaky)]) {
      await onGitHub(exam, world, [name], `open a pull request of ${branchOf(name)}`, () => expectPull(exam, world, name, `not-found ${name}`, `the pull request of the session's branch is discovered (${name})`, { number: name === 'red' ? 7 : 1, ci: name === 'red' ? 'failing' : 'passing' }, name === 'red' ? tick : soon))
    }
    world.memory.set('found', 'yes')
  }],
  '6.2 while GitHub fails the daemon keeps what it knows and says why': [90, async (exam, world, lane) => {
    const { github } = lane
    needs(world, 'found')
    const names = ['red', ...Object.keys(flaky)]
    const known = new Map(await Promise.all(names.map(async (name) => [name, await onlyPull(exam, remember(world, name))] as const)))
    for (const [only, failure] of Object.entries(flaky)) await github.failOn({ ...failure, only: `/repos/${only}/` })
    await github.failOn({ route: 'graphql:pull-requests', kind: 'graphql-error', message: 'Something went wrong while executing your query.' })
    // What has not changed is not asked for again.
    await github.push({ repo, number: 7 }, [build('red', 'another failure')])
    // One that AO finds and cannot ask more about: what it knows of it stays half. Its session first: a list is looked at when it changes.
    await exam.one(() => spawnOn(exam, world, 'found meanwhile', 'quiet'))
    await github.setPull({ repo: 'acme/quiet', number: 2, head: branchOf('found meanwhile'), checks: [build('green')] })
    const offset = exam.daemon.logText().length
    const mark = await look(exam, world, lane)
    // Before it is stopped again: the next check is about what it knows of that one.
    await comes(async () => (await onlyPull(exam, remember(world, 'found meanwhile')))?.number === 2, soon)
    world.memory.set('failed', 'yes')
    for (const [of, { kind }] of Object.entries(flaky)) {
      const failed = await comes(async () => (await github.log(mark)).requests.some(({ failure, path }) => failure === kind && path.includes(of)), soon)
      exam.expect(failed, `not-asked ${kind}`, `one repository that fails does not keep the others from being asked (${kind})`, await asked(lane, mark))
      exam.expect(await comes(() => complaints(exam, offset).some((line) => line.includes(of)), soon), `not-logged ${kind}`, `the log says which repository GitHub failed for (${kind})`, complaints(exam, offset).slice(-6).join(' | ') || 'nothing', 'low')
    }
    exam.expect(await comes(() => complaints(exam, offset).some((line) => line.includes('Something went wrong')), soon), 'not-logged graphql', 'the log has the error that GitHub gave', complaints(exam, offset).slice(-6).join(' | ') || 'nothing', 'low')
    const health = await exam.api('GET', '//healthz')
    exam.expect(health.status === 200, 'daemon-down', 'the daemon outlives it', health.shown)
    for (const [name, before] of known) {
      const now = await onGitHub(exam, world, [name], 'it fails, as a proxy can make it', () => onlyPull(exam, remember(world, name)))
      exam.expect(before === undefined || fits(now, { number: before.number, state: before.state, ci: before.ci, review: before.review }), `forgot ${name}`, `what is known of a pull request stays as it was (${name})`, `before ${shown(before)}, now ${shown(now)}`)
    }
  }],
  '6.2 when GitHub is well again what changed is told, and one repository that is gone hides no other': [90, async (exam, world, lane) => {
    const { github } = lane
    needs(world, 'failed')
    await github.heal()
    await github.removeRepository('acme/quiet')
    await github.push({ repo, number: 7 }, [build('green')])
    for (const of of Object.keys(flaky)) await github.push({ repo: of, number: 1 }, [build('pending')])
    await look(exam, world, lane)
    const happens = `open pull requests of ${branchOf('red')} (in acme/ws) and ${branchOf('found meanwhile')} (in acme/quiet), the second while GraphQL fails for AO, as a proxy can make it; wait for 40 s, let it be well again, delete acme/quiet, and let the check of the first turn green`
    const promised = 'when GitHub is well again, what changed is told; that one repository is gone meanwhile, for the token or for all, hides no other'
    for (const name of ['red', ...Object.keys(flaky)]) {
      // Where one is hidden all are: there is no need to wait for each.
      if (!await onGitHub(exam, world, [name, 'found meanwhile'], happens, () => expectPull(exam, world, name, 'hidden', `${promised} (${flaky[name]?.kind ?? 'the others'})`, { ci: name === 'red' ? 'passing' : 'pending' }))) break
    }
  }],
  ...goodManners,
})
