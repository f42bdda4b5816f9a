import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startChildRun, type ChildRun } from '../../harness/testing/child-run.ts'
import { brokenJsonIn, keptBy, leaksIn } from '../../harness/testing/planted.ts'
import { faultKit } from './faults/kit.ts'

let directory: string
let run: ChildRun | undefined
beforeEach(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), 'planted-')))
})
afterEach(async () => {
  await run?.dispose()
  run = undefined
  rmSync(directory, { recursive: true, force: true })
})

test('what a server tells of secrets is in no log, transcript, model log or report', { timeout: 200_000 }, async () => {
  const secrets = { login: 'l0gin of "the person"\n& more', proxy: 'pr0xy-w0rd-planted', path: '/pl4nted/t0ken/in/a/path', look: `ghp_${'Pl4nted'.repeat(5)}` }
  writeFileSync(join(directory, 'config.toml'), '')
  writeFileSync(join(directory, 'auth.json'), JSON.stringify({ tokens: { access_token: secrets.login } }))
  const said = JSON.stringify({ ...secrets, encoded: Buffer.from(secrets.login).toString('base64'), url: encodeURIComponent(secrets.login) })
  const source = await faultKit(directory).kit.commit('stack', (edit) => {
    edit('lib/manage-stack.mjs', /text: JSON.stringify\(answer\) \}\],\n {2}structuredContent: answer,/, `text: JSON.stringify({ ...answer, said: ${said} }) }],\n  structuredContent: { ...answer, said: ${said} },`)
    edit('servers/manage.mjs', /\n(?=import|const)/, `\nconsole.error(JSON.stringify(${said}))\n`)
  })
  run = startChildRun(['run', 'bundle-tools.smoke'], {
    ...source, SMOKE_AGENT_HOME: directory, SMOKE_TEST_SCOPE: 'none', SMOKE_CAPTURE_DEBUG_TOOLS: '1',
    NO_PROXY: '127.0.0.1,localhost', HTTPS_PROXY: `http://me:${secrets.proxy}@127.0.0.1:9/`, PATH_TOKEN: secrets.path, PATH: `${process.env.PATH ?? ''}:${secrets.path}`,
  })
  await run.ended(180_000)
  const kept = keptBy(run)
  expect(leaksIn(kept, Object.values(secrets)), run.output()).toEqual([])
  expect(brokenJsonIn(kept)).toEqual([])
  // They were said, and the rest of it is there.
  for (const file of ['.jsonl', '.model.ndjson']) {
    const [, text = ''] = Object.entries(kept).find(([name]) => name.includes('transcripts/') && name.endsWith(file)) ?? []
    expect(text, file).toContain('[redacted auth.json access_token]')
    expect(text, file).toContain('[redacted github]')
  }
})
