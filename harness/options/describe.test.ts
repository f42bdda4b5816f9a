import { expect, test } from 'vitest'
import { optionDefinitions } from './definitions.ts'
import { configJsonSchema, optionRows } from './describe.ts'
import { families } from './resolve.ts'

interface Schema { readonly properties: Readonly<Record<string, Record<string, unknown>>>; readonly additionalProperties: boolean }

test('the JSON Schema has every option and no other, with its type, bounds, choices and default', () => {
  const { properties, additionalProperties } = configJsonSchema() as unknown as Schema
  expect(Object.keys(properties).toSorted()).toEqual([...Object.keys(optionDefinitions), ...families].toSorted())
  expect(additionalProperties).toBe(false)
  expect(properties.keep).toMatchObject({ type: 'string', enum: ['never', 'failed', 'always'], default: 'never' })
  expect(properties.stageTimeout).toMatchObject({ type: 'number', exclusiveMinimum: 0, maximum: 86_400, default: 60 })
  expect(properties.reuse).toMatchObject({ type: 'boolean', default: false })
  expect(properties.sources).toMatchObject({ type: 'object', additionalProperties: { type: 'string' } })
})

test('every option has one spelling of each kind, and a line of help', () => {
  const rows = optionRows()
  for (const spelling of ['variable', 'flag', 'key'] as const) expect(new Set(rows.map((row) => row[spelling])).size).toBe(rows.length)
  expect(rows.find(({ key }) => key === 'restartTimeout')).toMatchObject({ variable: 'SMOKE_RESTART_TIMEOUT', flag: '--restart-timeout', placeholder: '<seconds>', fallback: '30' })
  expect(rows.filter(({ help }) => help.length < 10)).toEqual([])
})
