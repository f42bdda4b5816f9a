import { laneSpec } from '../../../../vitest/lane-spec.ts'
import suite, { grow } from './suite.ts'

export const test = laneSpec(suite, grow)

test('a check of the author runs commands in the sandbox', async ({ sandbox, expect }) => {
  expect(await sandbox.run({ file: 'sh', args: ['-c', 'echo "$TOY in $HOME"'], cwd: sandbox.paths.root })).toBe(`1 in ${sandbox.paths.home}`)
  await expect(sandbox.run({ file: 'sh', args: ['-c', 'echo no; exit 3'], cwd: sandbox.paths.root })).rejects.toThrow(/check-failed: .* exited with 3; last lines:\nno/)
})

test('the author sees what the lane added', ({ facts, expect }) => {
  expect(facts.extra).toBe(process.env.TOY_FAULT === 'grown' ? 2 : 1)
})
