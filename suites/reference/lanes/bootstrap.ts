import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { findDaemon } from '../../../harness/stack/pm2.ts'
import { restartStep, step } from '../../../harness/suite.ts'
import { fail } from '../../../harness/verdict.ts'
import { packagesFolder, pm2Program } from '../../../helpers/packages.ts'
import { expectSameTools } from '../../../helpers/stack-checks.ts'
import { configHome, environmentFile, intendedTools, overlayFile, pm2Home, stateHome } from '../places.ts'
import { awaitReady, startStack } from '../start-stack.ts'
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
  work: async ({ step, skip, testScope }) => {
    const { stack, proxy, client, stackPaths } = await step('clone', async (context) => {
      const { paths, clone, run } = context
      const [stack, proxy] = await Promise.all([clone('stack'), clone('proxy')])
      // Node looks for packages in every folder above the clone; the clone itself stays as it was cloned.
      symlinkSync(packagesFolder(), join(paths.root, 'node_modules'))
      const client = join(paths.root, 'client')
      mkdirSync(client)
      await run({ name: 'client repository', file: 'git', args: ['init', '--quiet', '--initial-branch=main', client], cwd: paths.root })
      return { stack: stack.path, proxy: proxy.path, client, stackPaths: paths }
    })

    await step('environment file', ({ paths, ports }) => {
      const values = {
        STACK_STATE_HOME: stateHome(paths), PROXY_DIR: proxy, PROXY_PORT: ports.proxy, PUBLIC_PORT: ports.proxy,
        PM2_HOME: pm2Home(paths), PM2_BIN: pm2Program(),
      }
      mkdirSync(configHome(paths), { recursive: true })
      writeFileSync(environmentFile(paths), Object.entries(values).map(([key, value]) => `${key}="${String(value)}"\n`).join(''), { mode: 0o600 })
      return Promise.resolve()
    })

    await step('starter bundle', async ({ paths, run, options }) => {
      const { wrapperRelease } = options
      // Copied first: what runs in the sandbox must not change when somebody builds a new release meanwhile.
      const release = typeof wrapperRelease === 'string' ? join(paths.root, 'releases', basename(wrapperRelease)) : undefined
      if (release !== undefined) cpSync(String(wrapperRelease), release, { recursive: true })
      const output = await run({
        file: process.execPath, args: ['scripts/install-bundle.mjs', '--no-restart', ...(release === undefined ? [] : ['--release', release])], cwd: stack,
      })
      if (!/^\[bundle\] Installing /m.test(output)) {
        throw fail('bootstrap-step', `the bundle installer named no server it installed; it said: ${output.slice(0, 300) || '(nothing)'}`)
      }
      const daemon = findDaemon(pm2Home(paths))
      if (daemon) {
        throw fail('bootstrap-step', `install-bundle.mjs --no-restart started the stack all the same: pm2 daemon ${daemon.pid} runs`, {
          remedy: 'let --no-restart end the installer before it restarts, waits for or probes anything',
        })
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

    await step('restart', (context) => startStack(context, stack))

    const { proxyUrl, tools } = await step('readiness', async (context) => {
      const found = await awaitReady(context)
      expectSameTools(intendedTools(context.paths), found.tools)
      context.fact('tools', found.tools.join(' '))
      return found
    })

    if (testScope === 'none') skip('structural tests', 'the test scope is "none"')
    else {
      await step('structural tests', async ({ run }) => {
        await run({ file: 'npm', args: ['run', '--silent', 'test:structural'], cwd: stack })
      })
    }
    const overlay = readFileSync(overlayFile(stackPaths), 'utf8')
    return { stack, proxy, clientRepository: client, proxyUrl, tools, overlay }
  },
})
