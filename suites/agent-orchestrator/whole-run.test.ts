import { appendFileSync, mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startChildRun, type ChildRun } from '../../harness/testing/child-run.ts'
import { likeAoProgram } from './stand-ins/like-ao.ts'

let base: string
const runs: ChildRun[] = []
beforeEach(() => {
  // A short path: terminal sessions keep sockets in the workspace.
  base = realpathSync(mkdtempSync(join(tmpdir(), 'w-')))
})
afterEach(async () => {
  for (const run of runs.splice(0)) await run.dispose()
  rmSync(base, { recursive: true, force: true })
})

async function whole(filter: string, env: Record<string, string>, code = 0): Promise<ChildRun> {
  const run = startChildRun(['run', filter], { SMOKE_SUITE: 'agent-orchestrator', SMOKE_AO_BIN: join(base, 'like-ao'), SMOKE_WORKSPACE: join(base, 'w'), ...env })
  runs.push(run)
  expect(await run.ended(170_000), run.output()).toBe(code)
  return run
}

const lanes = (run: ChildRun): string[] => run.record().lanes.map(({ name, status }) => `${name} ${status}`)

test('a program that is given is taken; the workspace can be gone on with, and each lane begins anew', { timeout: 180_000 }, async () => {
  likeAoProgram(base)
  expect(lanes(await whole('smoke', { SMOKE_BOOTSTRAP_ONLY: '1' }))).toContain('bootstrap passed')
  const run = await whole('cdc.smoke', { SMOKE_REUSE: '1' })
  expect(lanes(run)).toEqual(['resume passed', 'cdc passed'])
  expect(run.record().facts['version.ao']).toBe('like-ao 1')
  expect(readFileSync(join(run.results, 'latest', 'findings.json'), 'utf8')).toContain('"findings"')
  expect(readdirSync(join(base, 'w', 'd'))).toEqual(['cdc'])
  appendFileSync(join(base, 'like-ao'), '# newer\n')
  const other = await whole('cdc.smoke', { SMOKE_REUSE: '1' }, 1)
  expect(other.record().lanes.find(({ name }) => name === 'resume')?.verdict).toMatchObject({ class: 'drift', diagnosis: expect.stringContaining('is another than SMOKE_AO_BIN=') as string })
  rmSync(join(base, 'w', 'ao-bin', 'ao'))
  const without = await whole('cdc.smoke', { SMOKE_REUSE: '1' }, 1)
  expect(without.record().lanes.find(({ name }) => name === 'resume')?.verdict).toMatchObject({ class: 'drift', diagnosis: expect.stringContaining('ao-bin/ao is not there') as string })
})
