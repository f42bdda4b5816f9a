import { expect, test } from 'vitest'
import { path } from './definitions.ts'
import { emptyVariables } from './empty-variables.ts'
import { resolveOptions } from './resolve.ts'

const own = { toolBin: path('a tool', { placeholder: '<file>' }), release: path('a folder') }
const suite = { options: own, sources: ['my-stack'] }

test.each<[string, NodeJS.ProcessEnv, object, string[]]>([
  ['nothing is set', { PATH: '' }, {}, []],
  ['a program that was not found', { SMOKE_AGENT_BIN: '' }, {}, ['SMOKE_AGENT_BIN is empty and counts as not set, which means: the pinned Codex CLI of this package']],
  ['a program that the config file names', { SMOKE_AGENT_BIN: '' }, { agentBin: '/bin/codex' }, ['SMOKE_AGENT_BIN is empty and counts as not set, which means: agentBin: "/bin/codex" in /p/smoke.config.ts']],
  ["a program of the suite's own", { SMOKE_TOOL_BIN: '' }, {}, ['SMOKE_TOOL_BIN is empty and counts as not set']],
  ['a source and its ref', { SMOKE_SOURCE_MY_STACK: '', SMOKE_REF_MY_STACK: '' }, {}, [
    "SMOKE_SOURCE_MY_STACK is empty and counts as not set, which means: the suite's own source", "SMOKE_REF_MY_STACK is empty and counts as not set, which means: the source's own branch",
  ]],
  ['a source that the config file names', { SMOKE_SOURCE_MY_STACK: '' }, { sources: { 'my-stack': 'http://x' } }, ['SMOKE_SOURCE_MY_STACK is empty and counts as not set, which means: sources.my-stack: "http://x" in /p/smoke.config.ts']],
  ['a source of another suite', { SMOKE_SOURCE_OTHER: '' }, {}, []],
  ['what names neither, as a CI matrix does', { SMOKE_KEEP: '', SMOKE_REUSE: '', SMOKE_RELEASE: '', SMOKE_STAGE_TIMEOUT: '', SMOKE_PORT_PROXY: '' }, {}, []],
])('empty: %s', (_what, env, config, notes) => {
  const options = resolveOptions({ env, cwd: '/here', file: { path: '/p/smoke.config.ts', config } }, 'any', own)
  expect(emptyVariables(env, options, suite)).toEqual(notes)
})
