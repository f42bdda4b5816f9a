import { expect, test } from 'vitest'
import { defineSuite, restartStep, stage, step, type AnyLane, type Nothing, type Suite } from './suite.ts'

interface Two {
  readonly nothing: Nothing
  readonly up: { readonly url: string }
}

const { lane, suite } = defineSuite<Two>()
const up = lane({ name: 'a', proves: '', needs: 'nothing', leaves: 'up', steps: {}, work: () => Promise.resolve({ url: 'x' }) })
const look = lane({ name: 'b', proves: '', needs: 'up', leaves: 'up', steps: { s: step(2) }, work: ({ facts }) => Promise.resolve(facts) })
const make = (lanes: readonly AnyLane[]): Suite<Two> => suite({
  name: 'x', prerequisites: [], sources: {}, ports: [], environment: () => ({}), agent: {}, invariants: [], lanes,
})

test('a suite whose lanes can all be reached is accepted', () => {
  expect(make([up, look]).lanes).toHaveLength(2)
})

test('two lanes of one name, and a lane that no other leads to, are refused', () => {
  expect(() => make([up, up])).toThrow('suite x: two lanes are called a')
  expect(() => make([look, { ...look, name: 'c', needs: 'moon' }])).toThrow('lane c needs the state moon, which no lane leaves')
})

test.each([
  { what: 'a stage', lane: { steps: { s: stage({ prompt: () => '', calls: [] }) } } }, { what: 'a restart', lane: { steps: { s: restartStep() } } }, { what: 'another state to leave', lane: { leaves: 'nothing' } },
])('a lane with $what cannot run beside others', ({ lane: odd }) => {
  expect(make([up, { ...look, beside: true }]).lanes).toHaveLength(2)
  expect(() => make([up, { ...look, beside: true, ...odd }])).toThrow('suite x: lane b cannot run beside others')
})

test('a lane sees only the facts of the state it needs', () => {
  lane({
    name: 'c', proves: '', needs: 'nothing', leaves: 'up', steps: {},
    // @ts-expect-error -- there is no url before the stack is up: the type checker itself is what is tested here
    work: ({ facts }) => Promise.resolve({ url: facts.url satisfies string }),
  })
  lane({
    name: 'd', proves: '', needs: 'up', leaves: 'up', steps: { known: step(1) },
    // @ts-expect-error -- a step that is not declared has no budget
    work: async ({ facts, step: run }) => { await run('unknown', () => Promise.resolve()); return facts },
  })
  expect(step(2)).toEqual({ kind: 'step', budgetMs: 2000, restarts: false, failsAs: 'bootstrap-step' })
})
