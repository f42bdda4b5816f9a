import { expect, test } from 'vitest'
import { resolveOptions } from '../options/resolve.ts'
import { check, restartStep, stage, step, type AnyStep } from '../suite.ts'
import type { VerdictClass } from '../verdict.ts'
import { loweredLimit, withLoweredLimit } from './lowered-limit.ts'

const asked = { prompt: () => '', calls: [] }
const session = stage<never>(asked)
const installs = stage<never>({ ...asked, restarts: true })
const below = (variable: string, value: string, fallback: string): string => `SMOKE_${variable}=${value} is less than its default of ${fallback}: run again without it`

test.each<[string, NodeJS.ProcessEnv, VerdictClass, AnyStep, number, string | undefined]>([
  ['nothing is lowered', {}, 'agent-hang', session, 60_000, undefined],
  ['a session that was cut', { SMOKE_STAGE_TIMEOUT: '1' }, 'agent-hang', session, 1000, below('STAGE_TIMEOUT', '1', '60')],
  // Codex gives its MCP servers half of the session to start.
  ['a server that was not given time to start', { SMOKE_STAGE_TIMEOUT: '1' }, 'agent-startup', session, 600, below('STAGE_TIMEOUT', '1', '60')],
  ['a session that failed long before its end', { SMOKE_STAGE_TIMEOUT: '50' }, 'agent-startup', session, 600, undefined],
  ['a session that failed for another reason', { SMOKE_STAGE_TIMEOUT: '1' }, 'tool-missing', session, 1000, undefined],
  ['a limit that is higher', { SMOKE_STAGE_TIMEOUT: '90' }, 'agent-hang', session, 90_000, undefined],
  ['a limit that is the default', { SMOKE_STAGE_TIMEOUT: '60' }, 'agent-hang', session, 60_000, undefined],
  ['a restart', { SMOKE_RESTART_TIMEOUT: '1' }, 'restart', restartStep(), 1500, below('RESTART_TIMEOUT', '1', '44')],
  ['a stack that was not waited for', { SMOKE_RESTART_TIMEOUT: '31' }, 'readiness', restartStep(), 31_000, below('RESTART_TIMEOUT', '31', '44')],
  ['a restart that failed at once', { SMOKE_RESTART_TIMEOUT: '20' }, 'restart', restartStep(), 700, undefined],
  ['a restart in a session', { SMOKE_RESTART_TIMEOUT: '1' }, 'tool-failed', installs, 1500, below('RESTART_TIMEOUT', '1', '44')],
  ['a session without a restart', { SMOKE_RESTART_TIMEOUT: '1' }, 'tool-failed', session, 1500, undefined],
  ['both', { SMOKE_RESTART_TIMEOUT: '1', SMOKE_STAGE_TIMEOUT: '2' }, 'agent-hang', installs, 3000, `${below('STAGE_TIMEOUT', '2', '60')}; ${below('RESTART_TIMEOUT', '1', '44')}`],
  ['a budget', { SMOKE_BUDGET_SCALE: '0.1' }, 'budget', step(20), 2000, below('BUDGET_SCALE', '0.1', '1')],
  ["a check's budget", { SMOKE_BUDGET_SCALE: '0.1' }, 'budget', check(20), 2000, below('BUDGET_SCALE', '0.1', '1')],
  ['a session, which no scale bounds', { SMOKE_BUDGET_SCALE: '0.1' }, 'budget', session, 60_000, undefined],
  ['silence', { SMOKE_HEARTBEAT_TIMEOUT: '5' }, 'stalled', step(20), 5000, below('HEARTBEAT_TIMEOUT', '5', '240')],
])('%s', (_what, env, verdictClass, definition, tookMs, sentence) => {
  const options = resolveOptions({ env, cwd: '/' }, 'any')
  expect(loweredLimit(verdictClass, { definition, tookMs }, options, { restartTimeout: 44 })).toBe(sentence)
})

test('a limit of the config file is called as it stands there', () => {
  const options = resolveOptions({ env: {}, cwd: '/', file: { path: '/p/smoke.config.ts', config: { heartbeatTimeout: 5 } } }, 'any')
  expect(loweredLimit('stalled', undefined, options, {})).toBe('heartbeatTimeout: 5 in /p/smoke.config.ts is less than its default of 240: run again without it')
})

test.each([[undefined, 'run again'], ['look', 'run again; else: look']])('before the remedy %s', (remedy, expected) => {
  const verdict = { class: 'restart', diagnosis: 'd', evidence: [], remedy } as const
  expect(withLoweredLimit(verdict, 'run again')).toEqual({ ...verdict, remedy: expected })
  expect(withLoweredLimit(verdict, undefined)).toEqual(verdict)
  expect(withLoweredLimit(withLoweredLimit(verdict, 'run again'), 'run again').remedy).toBe(expected)
})
