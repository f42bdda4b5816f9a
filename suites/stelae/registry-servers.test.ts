import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createProcessHost } from '../../harness/processes/host.ts'
import { placesIn } from './places.ts'
import { beginServers, type registryServers } from './registry-servers.ts'

type Server = typeof registryServers[number]

let folder: string
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'servers-')) })
afterEach(() => { rmSync(folder, { recursive: true, force: true }) })

/** A package in a folder, as npm installs it without a registry; its program is the stand-in server with one tool. */
function packageOf(name: string, program: string): Server {
  const source = join(folder, name)
  mkdirSync(source)
  writeFileSync(join(source, 'package.json'), JSON.stringify({ name, version: '1.2.3', type: 'module', bin: { [name]: 'server.mjs' } }))
  writeFileSync(join(source, 'tools.json'), JSON.stringify({ server: name, tools: [{ name: 'greet', inputSchema: { type: 'object' } }] }))
  writeFileSync(join(source, 'server.mjs'), `#!/usr/bin/env node\n${program}\n`, { mode: 0o755 })
  return { server: name, program: name, registry: 'npm', package: name, requirements: [`file:${source}`], args: [join(source, 'tools.json')], differs: 'it is small' }
}
const works = `await import(${JSON.stringify(fileURLToPath(new URL('stand-ins/server.mjs', import.meta.url)))})`

async function install(servers: readonly Server[], more: { PATH?: string; bundleServers?: string } = {}): Promise<{ adaptations: { what: string; why: string }[]; tools: Record<string, readonly string[]>; facts: string[]; launcher: (name: string) => string }> {
  const places = placesIn({ root: folder, logs: join(folder, 'logs') })
  const ledger = join(folder, 'ledger.ndjson')
  writeFileSync(ledger, '')
  const host = createProcessHost(ledger)
  const env = { PATH: more.PATH ?? process.env.PATH ?? '', HOME: folder, npm_config_cache: join(folder, 'npm'), PIP_CACHE_DIR: join(folder, 'cache/pip') }
  const facts: string[] = []
  const installation = beginServers({
    env, options: { installFlavour: 'real', bundleServers: more.bundleServers ?? 'registry', gomaxprocs: 0 },
    start: (request) => host.start({ ...request, name: request.name ?? 'server', env: { ...env, ...request.env }, deadlineMs: Infinity, stdout: join(folder, 'out.log'), stderr: join(folder, 'err.log') }),
  }, places, { GREETING: 'hello' }, servers)
  const { adaptations, tools } = await installation.finish({ signal: new AbortController().signal, fact: (_name, value) => { facts.push(value) } })
  return {
    adaptations: [...adaptations], tools: Object.fromEntries(tools), facts,
    launcher: (name) => existsSync(join(places.bin, name)) ? readFileSync(join(places.bin, name), 'utf8') : 'none',
  }
}

test('a server that lists its tools takes the place of its stand-in, and is installed once', async () => {
  const server = packageOf('tiny', `if (process.env.GREETING !== 'hello') process.exit(3)\n${works}`)
  const first = await install([server])
  expect(first).toMatchObject({ tools: { tiny: ['greet'] }, facts: ['tiny 1.2.3'], adaptations: [{ what: 'server tiny is tiny 1.2.3 of npm', why: 'it is small' }] })
  expect(first.launcher('tiny')).toMatch(/node_modules\/\.bin\/tiny' "\$@"/)
  // Without a program on PATH nothing could be installed again.
  expect((await install([server], { PATH: '/nonexistent' })).tools).toEqual(first.tools)
})

test.each([
  { what: 'one that ends at once', server: () => packageOf('broken', 'console.error("no module named x"); process.exit(3)'), why: /broken of npm is not used: broken was installed, but does not list its tools: no module named x/ },
  { what: 'one that is not there', server: () => ({ ...packageOf('gone', works), requirements: [`file:${folder}/nowhere`] }), why: /`npm install --prefix --no-audit` exited with \d+: npm error.*ENOENT/ },
  { what: 'one whose model is out of reach', server: () => ({ ...packageOf('far', works), needs: 'http://127.0.0.1:1' }), why: /downloads a model from 127\.0\.0\.1:1 at its first start, which does not answer/ },
  { what: 'one for a Python that nobody has', server: (): Server => ({ ...packageOf('new', works), registry: 'PyPI', python3: 999 }), why: /new needs Python 3\.999 or newer, and none was found: SMOKE_PYTHON_BIN/ },
])('$what stays a stand-in, and its own words are the reason', async ({ server, why }) => {
  const { tools, facts, adaptations, launcher } = await install([server()])
  expect(adaptations).toEqual([{ what: expect.stringMatching(/is a stand-in/) as string, why: expect.stringMatching(why) as string }])
  expect(tools).toEqual({})
  expect(facts).toEqual(['stand-ins'])
  expect(launcher(server.name)).toBe('none')
})

test('a variable that a server must not get is kept from it', async () => {
  const { tools, launcher } = await install([{ ...packageOf('shy', `if (process.env.GREETING !== undefined) process.exit(3)\n${works}`), without: 'GREETING' }])
  expect(tools).toEqual({ shy: ['greet'] })
  expect(launcher('shy')).toContain("exec 'env' '-u' 'GREETING' '")
})

test('a heavy one is taken when all are asked for', async () => {
  const heavy = { ...packageOf('heavy', works), heavy: 'it is heavy' }
  expect(await install([heavy])).toMatchObject({ tools: {}, adaptations: [{ why: 'heavy of npm is not used: it is heavy' }] })
  expect((await install([heavy], { bundleServers: 'all' })).tools).toEqual({ heavy: ['greet'] })
})

test('by option nothing is installed', async () => {
  const { adaptations } = await install([packageOf('tiny', works)], { PATH: '/nonexistent', bundleServers: 'stand-in' })
  expect(adaptations[0]?.why).toContain('the option says SMOKE_BUNDLE_SERVERS=stand-in')
})
