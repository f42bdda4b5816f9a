import { once } from 'node:events'
import { expect, onTestFinished, test } from 'vitest'
import { execa } from 'execa'
import { commandOf, identify, isAlive } from './table.ts'

test.each([
  { what: 'a short command line is whole', args: ['--token=abc'], shown: /--token=abc$/ },
  { what: 'a long one ends with a whole argument', args: [`--a=${'x'.repeat(80)}`, `--token=${'k'.repeat(150)}`], shown: /--a=x{80} \.\.\.$/ },
])('$what', async ({ args, shown }) => {
  const child = execa(process.execPath, ['-e', 'process.stdout.write("up"); setInterval(() => undefined, 1000)', ...args.map((arg) => `x${arg}`)], { reject: false, buffer: false })
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await child
  })
  await once(child.stdout, 'data')
  expect(child.pid).toBeDefined()
  expect(commandOf(child.pid ?? -1)).toMatch(shown)
})

test('a process that is gone has no command line and no identity', async () => {
  const child = execa(process.execPath, ['-e', ''], { reject: false })
  const { pid = -1 } = child
  await child
  expect([commandOf(pid), identify(pid), isAlive({ pid, startTime: 1 })]).toEqual(['', undefined, false])
})
