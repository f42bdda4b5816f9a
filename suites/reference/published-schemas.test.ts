import { expect, test } from 'vitest'
import { expectSoundSchemas } from './published-schemas.ts'

test.each<[string, unknown, string | undefined]>([
  ['nothing twice', { properties: { a: { enum: ['x', 'y'] } }, required: ['a'] }, undefined],
  ['a name required twice', { required: ['a', 'b', 'a'] }, 't: required repeats "a"'],
  ['a value twice, deep inside', { properties: { a: { items: { anyOf: [{ enum: [1, 2, 1, 1] }] } } } }, 't: enum repeats 1'],
  ['a property that is called required', { properties: { required: { type: 'string' } } }, undefined],
])('%s', (_what, inputSchema, problem) => {
  const check = (): void => { expectSoundSchemas([{ name: 't', inputSchema }]) }
  if (problem === undefined) check()
  else expect(check).toThrow(new RegExp(`^catalog: .*${problem}`))
})
