import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { waitFor } from '../../../../../helpers/wait-for.ts'
import { defineSuite, step, type Nothing, type StepContext } from '../../../../suite.ts'

/** A suite with lanes that run beside others, for tests of the harness: two of them end only when they have met. */
interface BesideStates {
  readonly nothing: Nothing
  readonly ready: { readonly colour: string }
  readonly painted: { readonly colour: string }
}

const { lane, suite } = defineSuite<BesideStates>()

const leave = ({ paths }: StepContext, name: string): void => { writeFileSync(join(paths.root, name), '') }
const meet = ({ paths, signal }: StepContext, name: string): Promise<boolean> =>
  waitFor(() => existsSync(join(paths.root, name)) || undefined, { deadlineMs: 60_000, signal, otherwise: () => new Error(`${name} was never here`) })

export const prepare = lane({
  name: 'prepare', proves: 'it is ready', needs: 'nothing', leaves: 'ready', steps: { mix: step(5) },
  work: async ({ step }) => {
    await step('mix', () => Promise.resolve())
    return { colour: 'red' }
  },
})
export const walk = lane({
  name: 'walk', proves: 'a lane has others beside it', needs: 'ready', leaves: 'ready', steps: { 'meets the other': step(70) },
  work: async ({ facts, step }) => {
    // Alone there is nobody to meet.
    await step('meets the other', async (context) => {
      leave(context, 'walk')
      if (process.env.TOY_ALONE !== '1') await meet(context, 'wait')
    })
    return facts
  },
})
export const paint = lane({
  name: 'paint', proves: 'a lane that changes the state waits for those that use it', needs: 'ready', leaves: 'painted', steps: { paint: step(5) },
  work: async ({ step }) => {
    await step('paint', (context) => {
      leave(context, 'painted')
      return Promise.resolve()
    })
    return { colour: 'blue' }
  },
})
export const wait = lane({
  name: 'wait', proves: 'a lane goes on beside others and is told at its place', needs: 'ready', leaves: 'ready', beside: true, steps: { 'is there': step(70), 'sees red': step(5) },
  work: async ({ facts, step }) => {
    await step('is there', async (context) => {
      leave(context, 'wait')
      if (process.env.TOY_ALONE !== '1') await meet(context, 'walk')
    })
    await step('sees red', ({ paths }) => {
      if (facts.colour !== 'red' || existsSync(join(paths.root, 'painted'))) throw new Error('it is painted')
      if (process.env.TOY_SEES === 'nothing') throw new Error('it sees nothing')
      return Promise.resolve()
    })
    return facts
  },
})
export const look = lane({
  name: 'look', proves: 'what ran beside others has changed no state', needs: 'painted', leaves: 'painted', steps: { 'sees blue': step(5) },
  work: async ({ facts, step }) => {
    await step('sees blue', () => facts.colour === 'blue' ? Promise.resolve() : Promise.reject(new Error(facts.colour)))
    return facts
  },
})

export default suite({
  name: 'beside', prerequisites: [], sources: {}, ports: [], environment: () => ({}), agent: {}, invariants: [], lanes: [prepare, walk, paint, wait, look],
})
