import { generateKeyPairSync } from 'node:crypto'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import { startChildRun, type ChildRun } from '../testing/child-run.ts'
import { brokenJsonIn, filesBelow, keptBy, leaksIn } from '../testing/planted.ts'

const toy = fileURLToPath(new URL('../testing/toy', import.meta.url))

let run: ChildRun | undefined
afterEach(async () => {
  await run?.dispose()
  run = undefined
})

const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
const planted = {
  PLANTED_TOKEN: 'pl4nted "token" with\\all/of+it<&>üé?',
  PLANTED_PRIVATE_KEY: key,
  OPENAI_API_KEY: 'sk-pl4nted-0123456789abcdefghij',
  HTTPS_PROXY: 'http://me:pr0xy-w0rd-planted@127.0.0.1:9/',
}
/** Of a key each line counts; two more the toy writes into its environment files. */
const secrets = [
  planted.PLANTED_TOKEN, planted.OPENAI_API_KEY, 'pr0xy-w0rd-planted', 'env-f1le-s3cret/of+the?toy', 'd0t-env-p4ssword=of-the-toy',
  ...key.split('\n').filter((line) => /^[\w+/=]{20,}$/.test(line)),
]

test('secrets that a run meets are in none of its files, whoever says them and however', { timeout: 180_000 }, async () => {
  run = startChildRun(['run', 'start', 'look'], { TOY_FAULT: 'leak', SMOKE_KEEP: 'always', ...planted }, toy)
  expect(await run.ended(), run.output()).toBe(1)
  // As they were written, before the teardown had a look at them.
  const [workspace = ''] = readdirSync(run.temporary).filter((name) => /^clone-smoke-\d/.test(name))
  const written = [...filesBelow(join(run.temporary, workspace, 'logs')), join(run.temporary, workspace, 'progress.ndjson')]
  expect(leaksIn(Object.fromEntries(written.map((file) => [file, readFileSync(file, 'utf8')])), secrets)).toEqual([])
  const kept = keptBy(run)
  expect(leaksIn(kept, secrets)).toEqual([])
  expect(brokenJsonIn(kept)).toEqual([])
  const log = Object.entries(kept).find(([name]) => name.endsWith('start-prepare.log'))?.[1] ?? ''
  for (const name of ['PLANTED_TOKEN', 'ENV_FILE_SECRET', 'DB_PASSWORD', 'PLANTED_PRIVATE_KEY']) expect(log).toContain(`[redacted ${name}]`)
  // Both streams have said all: what is not a secret is still there.
  expect(log.match(/prepared/g)).toHaveLength(1)
  expect(log.match(/^\{"said":"\[redacted PLANTED_TOKEN\]"\}$/gm)).toHaveLength(2)
  expect(run.record().lanes.find(({ name }) => name === 'look')?.verdict?.diagnosis).toContain('[redacted DB_PASSWORD]')
})
