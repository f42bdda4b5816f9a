import { check, defineSuite, type Nothing } from '../../../../suite.ts'

/** A suite whose first lane has checks, for tests of the harness: TOY_FINDS is what its first check does. */
interface CheckStates {
  readonly nothing: Nothing
  readonly seen: { readonly colour: string }
}

const { lane, suite } = defineSuite<CheckStates>()
const finds = process.env.TOY_FINDS

export const examine = lane({
  name: 'examine', proves: 'its checks are judged one by one', needs: 'nothing', leaves: 'seen',
  steps: { '1.1 is green': check(5), '1.2 is asked all the same': check(5) },
  work: async ({ check }) => {
    const colour = await check('1.1 is green', ({ finding }) => {
      if (finds === 'error') throw new Error('no colour at all')
      if (finds === 'blue') finding({ id: 'not-green', section: '1.1', promised: 'it is green', happened: 'it is blue', severity: 'high', reproduce: 'look at it' })
      return Promise.resolve('blue')
    })
    await check('1.2 is asked all the same', () => Promise.resolve())
    return { colour: colour ?? 'none' }
  },
})

export const use = lane({
  name: 'use', proves: 'a lane whose checks failed has left its state', needs: 'seen', leaves: 'seen', steps: {},
  work: ({ facts }) => Promise.resolve(facts),
})

export default suite({
  name: 'checks', prerequisites: [], sources: {}, ports: [], environment: () => ({}), agent: {}, invariants: [], lanes: [examine, use],
  expectedFindings: () => process.env.TOY_EXPECTS === undefined ? [] : [{ step: '1.1 is green', id: process.env.TOY_EXPECTS, ...(process.env.TOY_SOMETIMES === '1' && { sometimes: true }) }],
})
