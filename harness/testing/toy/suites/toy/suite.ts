import { spawn } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { defineSuite, step, type Nothing } from '../../../../suite.ts'
import { fail } from '../../../../verdict.ts'

/** A suite without a stack, for tests of the harness: TOY_FAULT chooses what goes wrong. */
interface ToyStates {
  readonly nothing: Nothing
  readonly up: { readonly greeting: string }
  readonly more: { readonly greeting: string; readonly extra: number }
}

const { lane, suite } = defineSuite<ToyStates>()
const fault = process.env.TOY_FAULT

export const start = lane({
  name: 'start', proves: 'it starts', needs: 'nothing', leaves: 'up',
  steps: { prepare: step(5), greet: step(fault === 'wait' ? 60 : fault === 'budget' ? 3 : 5) },
  work: async ({ step }) => {
    await step('prepare', async ({ paths, run, env }) => {
      if (fault === 'daemon') spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1000)'], { detached: true, stdio: 'ignore', env, cwd: '/' }).unref()
      if (fault === 'invariant') writeFileSync(join(paths.root, 'dirt'), '')
      await run({ file: process.execPath, args: ['-e', 'console.log("prepared")'], cwd: paths.root })
    })
    const greeting = await step('greet', async ({ run, paths }) => {
      const code = fault === 'budget' || fault === 'wait' ? 'console.log("waiting"); setInterval(() => undefined, 1000)' : fault === 'exit' ? 'console.log("broken"); process.exit(4)' : 'console.log("hello")'
      return run({ file: process.execPath, args: ['-e', code], cwd: paths.root })
    })
    return { greeting }
  },
})

export const look = lane({
  name: 'look', proves: 'it can be looked at', needs: 'up', leaves: 'up',
  steps: { look: step(fault === 'late' ? 0.2 : 5, 'check-failed') },
  work: async ({ facts, step }) => {
    if (fault === 'late') await step('look', () => delay(1500))
    else await step('look', () => fault === 'look' ? Promise.reject(fail('drift', 'it looks odd')) : Promise.resolve())
    return facts
  },
})

export const grow = lane({
  name: 'grow', proves: 'it grows', needs: 'up', leaves: 'more',
  steps: { grow: step(5), forgotten: step(5) },
  work: async ({ facts, step }) => {
    await step('grow', async ({ start, paths }) => {
      // Goes on after the step; nobody stops it, so the sandbox must.
      await new Promise<void>((ready, reject) => {
        start({
          name: 'server', file: process.execPath, args: ['-e', 'console.log("serving"); setInterval(() => undefined, 1000)'], cwd: paths.root,
          onLine: () => { ready() },
        }).then(({ ended }) => ended, reject).then(() => { reject(new Error('the server ended')) }, reject)
      })
    })
    if (fault !== 'forgotten') await step('forgotten', () => Promise.resolve())
    return { ...facts, extra: 1 }
  },
})

export const shrink = lane({
  name: 'shrink', proves: 'it shrinks', needs: 'more', leaves: 'up',
  steps: { shrink: step(5) },
  work: async ({ facts, step }) => {
    const shrinking = step('shrink', () => fault === 'swallow' ? Promise.reject(new Error('it does not shrink')) : Promise.resolve())
    await (fault === 'swallow' ? shrinking.catch(() => undefined) : shrinking)
    return { greeting: facts.greeting }
  },
})

export default suite({
  name: 'toy',
  prerequisites: [],
  sources: {},
  ports: ['main'],
  environment: () => ({ TOY: '1' }),
  agent: {},
  lanes: [start, look, grow, shrink],
  invariants: [{
    name: 'no dirt',
    check: ({ paths }) => {
      if (existsSync(join(paths.root, 'dirt'))) throw fail('dirty-repo', 'there is dirt')
      return Promise.resolve()
    },
  }],
})
