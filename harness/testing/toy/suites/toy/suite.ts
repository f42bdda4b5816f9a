import { spawn } from 'node:child_process'
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { text } from '../../../../options/definitions.ts'
import { z } from 'zod'
import { defineSuite, step, type LaneContext, type Nothing, type StepContext } from '../../../../suite.ts'
import { fail } from '../../../../verdict.ts'

/** A suite without a stack, for tests of the harness: TOY_FAULT chooses what goes wrong. */
interface ToyStates {
  readonly nothing: Nothing
  readonly up: { readonly greeting: string }
  readonly more: { readonly greeting: string; readonly extra: number }
}

const { lane, suite } = defineSuite<ToyStates>()
const fault = process.env.TOY_FAULT

const settingsOf = (paths: StepContext['paths']): string => join(paths.root, 'settings')

/** What the command of step "greet" does instead of greeting. */
const codes: Readonly<Record<string, string>> = {
  budget: 'console.log("waiting"); setInterval(() => undefined, 1000)',
  wait: 'console.log("waiting"); setInterval(() => undefined, 1000)',
  exit: 'console.log("broken"); process.exit(4)',
  'wait-with-many': 'for (let i = 0; i < 6; i += 1) require("node:child_process").spawn("sleep", ["60"]); console.log("waiting"); setInterval(() => undefined, 1000)',
  'grow-memory': 'const all = []; setInterval(() => { if (all.length < 40) all.push(Buffer.alloc(10 * 2 ** 20, 1)); console.log(all.length) }, 100)',
}

/** What a step of the fault "leak" says, in every way a program may say a secret. */
const leaks = fileURLToPath(new URL('leaks.mjs', import.meta.url))
/** Secrets that stand in files of the workspace and nowhere else. */
export const planted = { file: 'env-f1le-s3cret/of+the?toy', dotFile: 'd0t-env-p4ssword=of-the-toy' }

const longFaults = new Set(['wait', 'wait-with-many', 'grow-memory'])

export const start = lane({
  name: 'start', proves: 'it starts', needs: 'nothing', leaves: 'up',
  steps: { prepare: step(fault === 'large' || fault === 'leak' ? 60 : 5), greet: step(longFaults.has(fault ?? '') ? 60 : fault === 'budget' ? 3 : 5) },
  work: async ({ step }) => {
    await step('prepare', async ({ paths, ports, run, env, undo, note, fact }) => {
      if (fault === 'slow-stop') undo({ name: 'slow', file: process.execPath, args: ['-e', 'setTimeout(() => undefined, 3000)'], cwd: paths.root })
      writeFileSync(settingsOf(paths), `PORT=${ports.main}\n`)
      if (fault === 'host') writeFileSync(join(process.env.HOME ?? '', '.toyrc'), 'spoiled')
      if (fault === 'daemon') spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1000)'], { detached: true, stdio: 'ignore', env, cwd: '/' }).unref()
      if (fault === 'invariant') writeFileSync(join(paths.root, 'dirt'), '')
      if (fault === 'large') {
        mkdirSync(join(paths.root, 'large'))
        for (let index = 0; index < 20_000; index += 1) writeFileSync(join(paths.root, 'large', String(index)), '')
      }
      if (fault === 'leak') {
        appendFileSync(settingsOf(paths), `ENV_FILE_SECRET=${planted.file}\n`)
        writeFileSync(join(paths.root, '.env.local'), `DB_PASSWORD='${planted.dotFile}'\n`)
        const said = [planted.file, planted.dotFile, env.TOY_TOKEN ?? '', env.TOY_PRIVATE_KEY ?? '']
        note(`a note with ${said.join(' ')}`)
        fact('leaked', said.join(' '))
        await run({ file: process.execPath, args: [leaks, JSON.stringify(said)], cwd: paths.root })
      }
      await run({ file: process.execPath, args: ['-e', 'console.log("prepared")'], cwd: paths.root })
    })
    const greeting = await step('greet', async ({ run, paths, options }) => {
      const code = codes[fault ?? ''] ?? `console.log(${JSON.stringify(options.greeting)})`
      return run({ file: process.execPath, args: ['-e', code], cwd: paths.root })
    })
    if (fault === 'wait-outside') await delay(60_000)
    return { greeting: fault === 'leak' ? `${greeting} ${planted.file}` : greeting }
  },
})

export const look = lane({
  name: 'look', proves: 'it can be looked at', needs: 'up', leaves: 'up',
  steps: { look: step(fault === 'late' ? 0.2 : fault === 'wait-in-look' || fault === 'leak' ? 60 : 5, 'check-failed') },
  work: async ({ facts, step }) => {
    if (fault === 'wait-in-look') await step('look', async ({ run, paths }) => { await run({ file: process.execPath, args: ['-e', codes.wait ?? ''], cwd: paths.root }) })
    else if (fault === 'late') await step('look', () => delay(1500))
    else if (fault === 'leak') await step('look', async ({ run, env, paths }) => { await run({ file: process.execPath, args: [leaks, JSON.stringify([planted.dotFile, env.TOY_TOKEN]), 'fail'], cwd: paths.root }) })
    else await step('look', () => fault === 'look' ? Promise.reject(fail('drift', 'it looks odd')) : Promise.resolve())
    return facts
  },
})

/** Goes on after the step; nobody stops it, so the sandbox must. */
async function serve({ start, paths }: StepContext): Promise<void> {
  await new Promise<void>((ready, reject) => {
    start({
      name: 'server', file: process.execPath, args: ['-e', 'console.log("serving"); setInterval(() => undefined, 1000)'], cwd: paths.root,
      onLine: () => { ready() },
    }).then(({ ended }) => ended, reject).then(() => { reject(new Error('the server ended')) }, reject)
  })
}

export const grow = lane({
  name: 'grow', proves: 'it grows', needs: 'up', leaves: 'more',
  steps: { grow: step(5), forgotten: step(5) },
  work: async ({ facts, step }) => {
    await step('grow', (context) => serve(context))
    if (fault === 'grow') throw fail('drift', 'it grew the wrong way')
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

const resumeSteps = { again: step(5, 'drift') }

const resumeUp = lane({
  name: 'resume', proves: 'it can be gone on with', needs: 'up', leaves: 'up', steps: resumeSteps,
  work: async ({ facts, step }: LaneContext<ToyStates['up'], typeof resumeSteps>) => {
    await step('again', ({ paths }) => {
      if (!readFileSync(settingsOf(paths), 'utf8').startsWith('PORT=')) throw fail('drift', 'its settings were changed')
      return Promise.resolve()
    })
    return facts
  },
})

const resumeMore = lane({
  name: 'resume', proves: 'it can be gone on with', needs: 'more', leaves: 'more', steps: resumeSteps,
  work: async ({ facts, step }: LaneContext<ToyStates['more'], typeof resumeSteps>) => {
    await step('again', serve)
    return facts
  },
})

export default suite({
  name: 'toy',
  prerequisites: [],
  sources: {},
  ports: ['main'],
  environment: (_paths, _ports, host) => ({
    TOY: '1', ...(fault === 'leak' && { TOY_TOKEN: host.PLANTED_TOKEN ?? '', TOY_PRIVATE_KEY: host.PLANTED_PRIVATE_KEY ?? '' }),
  }),
  agent: {},
  resume: { up: resumeUp, more: resumeMore },
  environmentFiles: (paths) => [settingsOf(paths)],
  hostPaths: (home) => [join(home, '.toyrc')],
  snapshots: {
    up: ({ greeting }) => Promise.resolve({ words: [greeting] }),
    more: ({ greeting, extra }) => fault === 'no-look' ? Promise.reject(new Error('it does not show itself')) : Promise.resolve({ words: [greeting, `extra ${extra}`] }),
  },
  options: { greeting: text('what it says', { schema: z.string(), fallback: 'hello', placeholder: '<words>' }) },
  lanes: [start, look, grow, shrink],
  invariants: [{
    name: 'no dirt',
    check: ({ paths }) => {
      if (existsSync(join(paths.root, 'dirt'))) throw fail('dirty-repo', 'there is dirt', { evidence: [join(paths.root, 'dirt')] })
      return Promise.resolve()
    },
  }],
})
