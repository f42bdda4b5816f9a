import { afterAll, expect, test } from 'vitest'
import { startChildRun } from '../../../harness/testing/child-run.ts'
import { faults } from './catalogue.ts'
import { patient, prove, runMs, type Proof } from './prove.ts'

/** How often the stack runs without a fault, to look for false alarms: FAULTS_CLEAN_RUNS, default 20. */
const cleanRuns = Number(process.env.FAULTS_CLEAN_RUNS ?? 20)
if (!Number.isSafeInteger(cleanRuns) || cleanRuns < 0) throw new Error(`FAULTS_CLEAN_RUNS=${process.env.FAULTS_CLEAN_RUNS ?? ''} is not a number of runs: give a whole number, 0 for none`)

const proofs: Proof[] = []
const clean: { readonly alarm: string | undefined; readonly seconds: number }[] = []

test.each(faults)('$id', async (fault) => {
  const proof = await prove(fault)
  proofs.push(proof)
  process.stdout.write(`${rowOf(proof)}\n`)
  expect(proof.misses, proof.misses.join('\n')).toEqual([])
})

test.each(Array.from({ length: cleanRuns }, (_, index) => index + 1))('clean run %i', async (number) => {
  const startedAt = performance.now()
  const run = startChildRun(['run', 'smoke'], { ...patient, SMOKE_TEST_SCOPE: 'full' })
  try {
    const code = await run.ended(runMs)
    const left = run.leftovers()
    const red = run.record().lanes.filter(({ status }) => status !== 'passed').map(({ name, verdict }) => `${name} ${verdict?.class ?? 'did not pass'}`)
    const alarm = [...red, ...left, ...(code === 0 ? [] : [`exit code ${code}`])].join(', ')
    const seconds = (performance.now() - startedAt) / 1000
    clean.push({ alarm: alarm === '' ? undefined : alarm, seconds })
    process.stdout.write(`clean run ${number} of ${cleanRuns}: ${alarm || 'no alarm'}, ${seconds.toFixed(1)} s\n`)
    expect(alarm, run.output()).toBe('')
  } finally {
    await run.dispose()
  }
})

afterAll(() => {
  const width = Math.max(...faults.map(({ id }) => id.length))
  const sum = (all: readonly { readonly seconds: number }[]): string => all.reduce((total, { seconds }) => total + seconds, 0).toFixed(0)
  const hits = proofs.filter(({ misses }) => misses.length === 0).length
  const alarms = clean.flatMap(({ alarm }) => alarm ?? [])
  process.stdout.write([
    '', `${'fault'.padEnd(width)}  ${'expected'.padEnd(30)} ${'seen'.padEnd(30)} words   time`,
    ...proofs.map(rowOf), '',
    ...(proofs.length > 0 ? [`${hits} of ${proofs.length} faults caught and named rightly, in ${sum(proofs)} s`] : []),
    ...(clean.length > 0 ? [`${alarms.length} false alarms in ${clean.length} clean runs, in ${sum(clean)} s${alarms.length > 0 ? `: ${alarms.join('; ')}` : ''}`] : []),
    '', '',
  ].join('\n'))
})

function rowOf({ id, expected, seen, misses, seconds }: Proof): string {
  const width = Math.max(...faults.map((fault) => fault.id.length))
  return `${id.padEnd(width)}  ${expected.padEnd(30)} ${seen.padEnd(30)} ${misses.length === 0 ? 'hit   ' : 'MISSED'} ${seconds.toFixed(1).padStart(5)} s`
}
