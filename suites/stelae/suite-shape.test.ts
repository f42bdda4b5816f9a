import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { resolveOptions } from '../../harness/options/resolve.ts'
import { effectiveSource } from '../../harness/sandbox/clone.ts'
import { workspacePaths } from '../../harness/sandbox/workspace-paths.ts'
import type { CallEvidence } from '../../harness/suite.ts'
import { expectOk } from './manage-answer.ts'
import { checkOptions, options, proxySource } from './options.ts'
import { beginProxyBuild, buildEnvironment, stampText } from './proxy-build.ts'
import suite from './suite.ts'

let folder: string
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'suite-')) })
afterEach(() => { rmSync(folder, { recursive: true, force: true }) })

const resolved = (env: Record<string, string>): ReturnType<typeof resolveOptions> => resolveOptions({ env, cwd: '/here' }, 'stelae', suite.options, suite.defaults)

test('its lanes are those of the harness that it takes the place of', () => {
  expect(suite.lanes.map(({ name }) => name)).toEqual(['bootstrap', 'bundle-tools', 'install', 'remove', 'verify-clean'])
})

test('without a source of Stelae nothing begins, and the error says what to type', () => {
  const { stelae } = suite.sources
  if (!stelae) throw new Error('no such source')
  expect(() => effectiveSource(stelae, undefined, undefined, 'stelae')).toThrow(/needs a repository of Stelae[^]*SMOKE_SOURCE_STELAE=\/path\/or\/url/)
  expect(effectiveSource(stelae, `${folder}#v1`, undefined, 'stelae')).toEqual({ kind: 'git', url: folder, ref: 'v1' })
})

test('the proxy comes from STELAE_PROXY_SOURCE, else from ~/apps, else from the fork', () => {
  expect(proxySource({}, folder)).toEqual({ kind: 'git', url: 'https://github.com/Dub1n/mcp-proxy.git' })
  mkdirSync(join(folder, 'apps', 'mcp-proxy'), { recursive: true })
  expect(proxySource({ STELAE_PROXY_SOURCE: '' }, folder)).toEqual({ kind: 'git', url: join(folder, 'apps/mcp-proxy') })
  expect(proxySource({ STELAE_PROXY_SOURCE: '/a/b#main' }, folder)).toEqual({ kind: 'git', url: '/a/b', ref: 'main' })
  expect(() => effectiveSource(proxySource({ STELAE_PROXY_SOURCE: '/no/such/place' }, folder), undefined, undefined, 'mcp-proxy')).toThrow(/\/no\/such\/place does not exist here/)
})

test('its options have all spellings, and defaults of its own', () => {
  expect(resolved({})).toMatchObject({ restartTimeout: 120, stageTimeout: 60, own: { installFlavour: 'real', gomaxprocs: 0, goFlags: undefined } })
  expect(resolved({ SMOKE_RESTART_TIMEOUT: '10', SMOKE_INSTALL_FLAVOUR: 'dry-run', SMOKE_GO_FLAGS: '-p=1', SMOKE_GOMAXPROCS: '1' }))
    .toMatchObject({ restartTimeout: 10, own: { installFlavour: 'dry-run', goFlags: '-p=1', gomaxprocs: 1 } })
  expect(() => resolved({ SMOKE_INSTALL_FLAVOUR: 'wet' })).toThrow(/real or dry-run/)
  expect(() => resolved({ SMOKE_INSTALL_FLAVOR: 'real' })).toThrow(/did you mean SMOKE_INSTALL_FLAVOUR/)
  expect(Object.keys(options)).toEqual(['installFlavour', 'bundleServers', 'wrapperRelease', 'pythonBin', 'goFlags', 'gomaxprocs'])
})

test('a release of the wrapper must be whole, and a Python must be there', () => {
  const own = { installFlavour: 'real', bundleServers: 'registry', gomaxprocs: 0 }
  expect(() => { checkOptions({ ...own, wrapperRelease: folder }) }).toThrow(/has no venv\/bin\/codex-mcp-wrapper/)
  mkdirSync(join(folder, 'venv/bin'), { recursive: true })
  for (const file of ['venv/bin/codex-mcp-wrapper', 'wrapper.toml']) writeFileSync(join(folder, file), '')
  expect(() => { checkOptions({ ...own, wrapperRelease: folder }) }).not.toThrow()
  expect(() => { checkOptions({ ...own, pythonBin: '/no/python' }) }).toThrow(/SMOKE_PYTHON_BIN="\/no\/python" does not exist/)
})

test('its processes have the sandbox first on PATH, and nothing of the user but how to reach registries', () => {
  const env = suite.environment(workspacePaths('/tmp/ws'), { proxy: 1 }, { PATH: '/usr/bin', GOPROXY: 'https://proxy.example', HOME: '/home/me', STELAE_CONFIG_HOME: '/home/me/.config/stelae', PM2_HOME: '/home/me/.pm2' })
  expect(env.PATH).toBe('/tmp/ws/bin:/tmp/ws/venv/bin:/usr/bin')
  expect(env.GOPROXY).toBe('https://proxy.example')
  expect(Object.values(env).join('\n')).not.toContain('/home/me')
})

test('the build has flags of its own, and its module cache can be removed', () => {
  expect(buildEnvironment({ goFlags: undefined, gomaxprocs: 0 })).toEqual({ GOFLAGS: '-modcacherw' })
  expect(buildEnvironment({ goFlags: '-p=1', gomaxprocs: 1 })).toEqual({ GOFLAGS: '-modcacherw -p=1', GOMAXPROCS: '1' })
  expect(stampText('abc', new Date('2026-01-02T03:04:05.678Z'))).toBe('commit=abc\nbuilt_at=2026-01-02T03:04:05Z\n')
})

test('a proxy is built once per commit, and what Go says when it fails is told', async () => {
  const places = { proxy: folder, proxyBinary: join(folder, 'build', 'mcp-proxy') }
  const said: string[] = []
  let builds = 0
  const context = (exitCode: number): Parameters<typeof beginProxyBuild>[0] => ({
    env: { PIP_CACHE_DIR: join(folder, 'cache', 'pip') }, options: { installFlavour: 'real', bundleServers: 'registry', gomaxprocs: 0 },
    run: () => Promise.resolve('go version go1.26 linux/amd64'),
    start: ({ args }) => {
      builds += 1
      if (exitCode === 0) writeFileSync(String(args[2]), 'binary')
      const end = { exitCode, signal: null, durationMs: 1, cause: 'exit', lastLines: ['undefined: x'] } as const
      return Promise.resolve({ pid: 1, ended: Promise.resolve(end), stop: () => Promise.resolve(end) })
    },
  })
  const finish = { signal: new AbortController().signal, fact: () => undefined, note: (text: string) => { said.push(text) } }
  await expect((await beginProxyBuild(context(1), places, 'abc')).finish(finish)).rejects.toThrow(/bootstrap-step: `go build` exited with 1[^]*undefined: x/)
  await (await beginProxyBuild(context(0), places, 'abc')).finish(finish)
  expect(said).toEqual([])
  await (await beginProxyBuild(context(0), places, 'abc')).finish(finish)
  expect(said).toEqual([expect.stringMatching(/was built before by go1\.26/)])
  expect(builds).toBe(2)
  expect(readFileSync(places.proxyBinary, 'utf8')).toBe('binary')
  expect(readFileSync(`${places.proxyBinary}.stamp`, 'utf8')).toMatch(/^commit=abc\nbuilt_at=/)
  const stopped = AbortSignal.abort(new Error('over its budget'))
  await expect((await beginProxyBuild(context(0), places, 'other')).finish({ ...finish, signal: stopped })).rejects.toThrow('over its budget')
})

const evidence = (answer: unknown): CallEvidence => ({ observed: { server: 'stelae', tool: 'manage_stelae', arguments: {}, status: 'completed' }, text: JSON.stringify(answer) })

test.each([
  { what: 'an error inside a call that completed', answer: { result: { status: 'error', errors: ["No discovered server named 'qdrant'"] } }, words: /tool-failed: .*status "error" in a call that completed: No discovered server named 'qdrant'/ },
  { what: 'a command that failed', answer: { status: 'ok', commands_run: [{ command: ['make'], status: 'failed', output: 'no rule' }] }, words: /its command \["make"\] was failed: no rule/ },
  { what: 'something else', answer: { tools: [] }, words: /what is no result of it/ },
])('$what fails the call', ({ answer, words }) => {
  expect(() => expectOk(evidence(answer))).toThrow(words)
})

test('a result with status ok is one, wrapped or not', () => {
  expect(expectOk(evidence({ status: 'ok', details: { a: 1 } })).details).toEqual({ a: 1 })
  expect(expectOk(evidence({ result: { status: 'ok', commands_run: [{ command: 'x', status: 'ok' }] } })).status).toBe('ok')
})
