import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { restartStep, step } from '../../../harness/suite.ts'
import { fail } from '../../../harness/verdict.ts'
import { listTools, probeInitialize } from '../../../helpers/mcp-client.ts'
import { waitFor } from '../../../helpers/wait-for.ts'
import { expectOnlyPort, expectSameTools, explainRestart } from '../checks.ts'
import { configHome, intendedTools, overlayFile, packagesFolder, pm2Home, pm2Program, stateHome } from '../places.ts'
import { lane } from '../states.ts'

/** Bundle, render and restart together stay below 60 s; a stall there is a fault to find, not a budget to raise. */
export const bootstrap = lane({
  name: 'bootstrap',
  proves: 'a fresh checkout can be cloned, configured, filled with its starter bundle, started and tested',
  needs: 'nothing',
  leaves: 'up',
  steps: {
    clone: step(20, 'clone'),
    'environment file': step(5),
    'starter bundle': step(20),
    render: step(5),
    restart: restartStep(5),
    readiness: step(15, 'readiness'),
    'structural tests': step(30, 'check-failed'),
  },
  work: async ({ step }) => {
    const { stack, proxy, client } = await step('clone', async (context) => {
      const { paths, clone, run } = context
      const [stack, proxy] = await Promise.all([clone('stack'), clone('proxy')])
      // Node looks for packages in every folder above the clone; the clone itself stays as it was cloned.
      symlinkSync(packagesFolder(), join(paths.root, 'node_modules'))
      const client = join(paths.root, 'client')
      mkdirSync(client)
      await run({ name: 'client repository', file: 'git', args: ['init', '--quiet', '--initial-branch=main', client], cwd: paths.root })
      return { stack: stack.path, proxy: proxy.path, client }
    })

    await step('environment file', ({ paths, ports }) => {
      const values = {
        STACK_STATE_HOME: stateHome(paths), PROXY_DIR: proxy, PROXY_PORT: ports.proxy, PUBLIC_PORT: ports.proxy,
        PM2_HOME: pm2Home(paths), PM2_BIN: pm2Program(),
      }
      mkdirSync(configHome(paths), { recursive: true })
      writeFileSync(join(configHome(paths), '.env'), Object.entries(values).map(([key, value]) => `${key}="${String(value)}"\n`).join(''), { mode: 0o600 })
      return Promise.resolve()
    })

    await step('starter bundle', async ({ run }) => {
      const output = await run({ file: process.execPath, args: ['scripts/install-bundle.mjs', '--no-restart'], cwd: stack })
      if (!/^\[bundle\] Installing /m.test(output)) {
        throw fail('bootstrap-step', `the bundle installer named no server it installed; it said: ${output.slice(0, 300) || '(nothing)'}`)
      }
    })

    await step('render', async ({ paths, ports, run }) => {
      await run({ file: process.execPath, args: ['scripts/render.mjs'], cwd: stack })
      const rendered = readFileSync(join(stateHome(paths), 'proxy.json'), 'utf8')
      if (!new RegExp(`\\b${ports.proxy}\\b`).test(rendered)) {
        throw fail('port-mismatch', `the rendered proxy.json does not name the sandbox's port ${ports.proxy}; it has ${[...rendered.matchAll(/"\w*port\w*"\s*:\s*"?(\d+)"?/gi)].map((match) => match[0]).join(', ') || 'no port at all'}`, {
          evidence: ['config-home/.state/proxy.json'],
          remedy: 'use the placeholder {{PROXY_PORT}} in config/proxy.template.json',
        })
      }
    })

    await step('restart', async ({ paths, env, ports, restartSeconds, run, undo }) => {
      undo({ name: 'stop the stack', file: process.execPath, args: ['scripts/stop-stack.mjs'], cwd: stack, whilePidFile: join(pm2Home(paths), 'pm2.pid') })
      try {
        await run({
          file: process.execPath, args: ['scripts/restart-stack.mjs', '--timeout', String(restartSeconds)], cwd: stack,
        })
      } catch (error) {
        throw explainRestart(error, env, ports.proxy ?? 0)
      }
    })

    const { proxyUrl, tools } = await step('readiness', async ({ paths, env, ports, signal, fact }) => {
      const url = `http://127.0.0.1:${ports.proxy}/mcp`
      let last = 'no probe was made'
      await waitFor(async () => {
        const probe = await probeInitialize(url, 2000)
        last = probe.detail
        return probe.ok && probe.serverName === 'reference-stack' ? probe : undefined
      }, { deadlineMs: 10_000, signal, otherwise: () => fail('readiness', `${url} does not answer initialize as reference-stack; last answer: ${last}`) })
      expectOnlyPort(env, ports.proxy ?? 0)
      const tools = (await listTools(url)).map(({ name }) => name)
      expectSameTools(intendedTools(paths), tools)
      fact('tools', tools.join(' '))
      return { proxyUrl: url, tools }
    })

    const overlay = await step('structural tests', async ({ paths, run }) => {
      await run({ file: 'npm', args: ['run', '--silent', 'test:structural'], cwd: stack })
      return readFileSync(overlayFile(paths), 'utf8')
    })
    return { stack, proxy, clientRepository: client, proxyUrl, tools, overlay }
  },
})
