import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { UsageError } from '../../errors.ts'
import { codexEnvironment, execArguments, limitsWithin, modelCatalog } from './flags.ts'
import { readCapabilities } from './probe.ts'

const session = {
  prompt: '-- do it', cwd: '/w/repo', home: '/w/home', env: { PATH: '/bin' }, deadlineMs: 20_000,
  model: { name: 'scripted', baseUrl: 'http://127.0.0.1:9/v1', apiKey: 'the-key' },
  servers: {
    probe: { transport: 'stdio', command: 'node', args: ['/a "b"/s.mjs'], env: { K: 'v' } },
    web: { transport: 'http', url: 'http://127.0.0.1:8/mcp' },
  },
} as const

function argumentsOf(version: string, overrides: Partial<Parameters<typeof execArguments>[1]> = {}): string[] {
  const help = readFileSync(new URL(`./fixtures/${version}/exec-help.txt`, import.meta.url), 'utf8')
  return execArguments(readCapabilities('/x/codex', `codex-cli ${version}`, help), { ...session, ...overrides }, { catalogFile: '/w/home/catalog.json' })
}

test.each([
  { version: '0.63.0', flags: [], keys: [] },
  { version: '0.100.0', flags: ['--ephemeral'], keys: [] },
  { version: '0.130.0', flags: ['--ephemeral', '--ignore-user-config', '--ignore-rules'], keys: ['model_catalog_json', 'default_tools_approval_mode'] },
  { version: '0.169.0', flags: ['--ephemeral', '--ignore-user-config', '--ignore-rules'], keys: ['model_catalog_json', 'default_tools_approval_mode'] },
])('$version gets only what it knows', ({ version, flags, keys }) => {
  const args = argumentsOf(version)
  const settings = args.indexOf('--config')
  expect(args.slice(0, settings)).toEqual(['exec', '--json', '--skip-git-repo-check', ...flags, '--sandbox', 'workspace-write', '--cd', '/w/repo'])
  for (const key of ['model_catalog_json', 'default_tools_approval_mode']) expect(args.join('\n').includes(key)).toBe(keys.includes(key))
  expect(args.slice(-2)).toEqual(['--', '-- do it'])
})

test('the settings are the whole recipe', () => {
  const args = argumentsOf('0.169.0')
  expect(args.filter((_, index) => args[index - 1] === '--config')).toEqual([
    'model="scripted"',
    'model_provider="clone_smoke"',
    'model_providers.clone_smoke={name="clone_smoke",base_url="http://127.0.0.1:9/v1",wire_api="responses",env_key="CLONE_SMOKE_MODEL_KEY",request_max_retries=0,stream_max_retries=0,stream_idle_timeout_ms=12000}',
    'model_catalog_json="/w/home/catalog.json"',
    'features.plugins=false', 'analytics.enabled=false', 'check_for_update_on_startup=false', 'web_search="disabled"',
    'mcp_servers.probe={command="node",args=["/a \\"b\\"/s.mjs"],env={K="v"},required=true,startup_timeout_sec=10,tool_timeout_sec=12,default_tools_approval_mode="approve"}',
    'mcp_servers.web={url="http://127.0.0.1:8/mcp",required=true,startup_timeout_sec=10,tool_timeout_sec=12,default_tools_approval_mode="approve"}',
  ])
})

test('the key is in the environment, never on the command line', () => {
  expect(argumentsOf('0.169.0').join(' ')).not.toContain('the-key')
  expect(codexEnvironment(session)).toEqual({ PATH: '/bin', CODEX_HOME: '/w/home', CLONE_SMOKE_MODEL_KEY: 'the-key' })
})

test('loopback is kept off a proxy, without losing what else was', () => {
  const env = { https_proxy: 'http://proxy', NO_PROXY: 'intern' }
  expect(codexEnvironment({ ...session, env })).toMatchObject({ ...env, NO_PROXY: 'intern,127.0.0.1,localhost', no_proxy: 'intern,127.0.0.1,localhost' })
})

test.each([1, 1000, 8000, 20_000, 600_000])('each limit inside a session of %i ms is shorter than it, or as short as Codex can keep', (deadlineMs) => {
  const { startupSeconds, toolSeconds, streamIdleMs } = limitsWithin(deadlineMs)
  for (const limit of [startupSeconds * 1000, toolSeconds * 1000, streamIdleMs]) {
    expect(limit).toBeGreaterThanOrEqual(500)
    if (deadlineMs > 1000) expect(limit).toBeLessThan(deadlineMs)
  }
})

test.each(['a.b', 'a b', '', 'é'])('a server named %j is refused', (name) => {
  expect(() => argumentsOf('0.169.0', { servers: { [name]: session.servers.web } })).toThrow(UsageError)
})

test('the catalog knows the model and nothing else', () => {
  expect(JSON.parse(modelCatalog('scripted'))).toMatchObject({ models: [{ slug: 'scripted', supports_search_tool: false }] })
})
