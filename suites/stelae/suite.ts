import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { AgentWiring, Prerequisite, StepContext } from '../../harness/suite.ts'
import { expectCleanRepository, gitStatus } from '../../helpers/git.ts'
import { listTools } from '../../helpers/mcp-client.ts'
import { tapped, tappedCalls } from '../../helpers/mcp-tap.ts'
import { pm2Program, versionOf } from '../../helpers/packages.ts'
import { versionOnPath } from '../../helpers/programs.ts'
import { examineCheckout } from './checkout.ts'
import { environmentMap } from './environment-map.ts'
import { bootstrap } from './lanes/bootstrap.ts'
import { bundleTools } from './lanes/bundle-tools.ts'
import { install } from './lanes/install.ts'
import { remove } from './lanes/remove.ts'
import { resumeInstalled, resumeUp } from './lanes/resume.ts'
import { verifyClean } from './lanes/verify-clean.ts'
import { checkOptions, options, proxySource } from './options.ts'
import { placesIn } from './places.ts'
import { writableModules } from './proxy-build.ts'
import { hostPython } from './python.ts'
import { suite, type Up } from './states.ts'
import { copyWire } from './wire-copy.ts'

/** What package managers of the user's may need to reach their registries. */
const registryVariables = [
  'PIP_INDEX_URL', 'PIP_EXTRA_INDEX_URL', 'PIP_TRUSTED_HOST', 'PIP_CERT', 'PIP_FIND_LINKS', 'PIP_DEFAULT_TIMEOUT', 'REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE',
  'GOPROXY', 'GOSUMDB', 'GONOSUMDB', 'GOPRIVATE', 'GONOPROXY', 'GOTOOLCHAIN',
] as const

/** A program of which only its presence matters, and how Debian calls its package. */
const onPath = (name: string, debian = name, args?: readonly string[]): Prerequisite => ({
  name, find: (env) => versionOnPath(name, `install ${name}, e.g. apt-get install ${debian}`, env, args),
})

export default suite({
  name: 'stelae',
  prerequisites: [
    onPath('git'), onPath('make'), onPath('jq'), onPath('curl'), onPath('ss', 'iproute2', ['-V']), onPath('lsof', 'lsof', ['-v']),
    { name: 'go', find: (env) => versionOnPath('go', 'install Go 1.24 or newer, e.g. from https://go.dev/dl', env, ['version']) },
    { name: 'python', find: (env) => Promise.resolve(hostPython(env.SMOKE_PYTHON_BIN ?? 'python3', env).version) },
    { name: 'pm2', find: () => { pm2Program(); return Promise.resolve(versionOf('pm2')) } },
  ],
  sources: {
    stelae: { kind: 'asked', what: 'a repository of Stelae' },
    'mcp-proxy': proxySource(process.env),
  },
  ports: ['proxy'],
  environment: (paths, _ports, host) => {
    const places = placesIn(paths)
    const passed = registryVariables.map((name) => [name, host[name]] as const).filter((entry): entry is [typeof entry[0], string] => entry[1] !== undefined)
    return {
      ...Object.fromEntries(passed),
      PATH: [places.bin, join(places.venv, 'bin'), host.PATH ?? ''].join(delimiter),
      // The rest is in the environment file: what Stelae's own harness exports, so that make and pm2 find it.
      STELAE_DIR: places.stelae, APPS_DIR: places.apps, STELAE_CONFIG_HOME: places.configHome, STELAE_STATE_HOME: places.stateHome,
      STELAE_ENV_FILE: places.environmentFile, PROXY_CONFIG: places.proxyConfig, PM2_HOME: places.pm2Home, PYTHON: places.python,
      PYTHONPATH: places.stelae, PYTHONUNBUFFERED: '1', PIP_REQUIRE_VIRTUALENV: '0',
      GOFLAGS: writableModules,
    }
  },
  agent: { up: wireAgent, installed: wireAgent },
  resume: { up: resumeUp, installed: resumeInstalled },
  environmentFiles: (paths) => [placesIn(paths).environmentFile],
  stack: (paths, ports) => ({
    logs: ['pm2/pm2.log', 'stelae/logs/*.log', 'config-home/logs/*.log', 'config-home/.state/*.log'],
    pm2Home: placesIn(paths).pm2Home, pm2Program: pm2Program(),
    endpoints: { proxy: `http://127.0.0.1:${ports.proxy}/mcp` },
  }),
  debug: {
    environment: (paths) => {
      const { configHome } = placesIn(paths)
      return {
        STELAE_STREAMABLE_DEBUG_TOOLS: '*', STELAE_STREAMABLE_DEBUG_LOG: join(configHome, 'logs/streamable_tool_debug.log'),
        STELAE_TOOL_AGGREGATOR_DEBUG_TOOLS: 'workspace_fs_read', STELAE_TOOL_AGGREGATOR_DEBUG_LOG: join(configHome, 'logs/tool_aggregator_debug.log'),
      }
    },
    logs: ['config-home/logs/*_debug.log'],
  },
  // What only an installation changes: the developer's own stack may run meanwhile, and writes the rest.
  hostPaths: (home) => [
    ...['.env', '.env.local', 'proxy.template.local.json', 'tool_overrides.json', 'tool_aggregations.json', 'custom_tools.json', 'bundle_installs.json'].map((file) => join(home, '.config/stelae', file)),
    join(home, '.basic-memory/config.json'),
    // Where a test of Stelae's own writes, test_plan_only_refuses_windows_mount, when no temporary directory is the sandbox's.
    '/tmp/stelae-smoke-workspace-plan',
  ],
  snapshots: { up: snapshotOf, installed: snapshotOf },
  // Twelve servers start at once, most of them in Python, and a machine may be busy; Stelae's own harness gives it 90 s [seed].
  defaults: { restartTimeout: 120 },
  options,
  checkOptions,
  lanes: [bootstrap, bundleTools, install, remove, verifyClean],
  invariants: [
    {
      name: 'git status is clean in both clones and the client repository',
      check: async ({ paths, env }) => {
        const { stelae, proxy, clientRepository } = placesIn(paths)
        for (const [name, clone] of [['stelae', stelae], ['mcp-proxy', proxy], ['client', clientRepository]] as const) {
          // Stelae keeps logs and a link to its settings in its own tree, ignored by git.
          if (existsSync(join(clone, '.git'))) await expectCleanRepository(name, clone, env, { ignored: false })
        }
      },
    },
  ],
})

/** The agent works in a repository of its own and reaches the stack through Stelae's stdio bridge; what passes is written down. */
function wireAgent(facts: Up, { paths, ports, env, note }: StepContext): AgentWiring {
  const places = placesIn(paths)
  return {
    cwd: facts.clientRepository,
    servers: {
      stelae: tapped({
        transport: 'stdio', command: places.python, args: ['-m', 'scripts.stelae_streamable_mcp'],
        // Without the config home in its environment the bridge takes that of the user's home, before it reads any file.
        env: {
          ...env, ...environmentMap(places, paths.home, ports.proxy ?? 0, examineCheckout(facts.stelae).exampleKeys),
          STELAE_STREAMABLE_TRANSPORT: 'stdio', STELAE_SEARCH_ROOT: facts.stelae, STELAE_RESTART_ARGS: facts.restartFlags.join(' '),
        },
      }, places.wire),
    },
    receivedCalls: () => {
      try {
        copyWire(places)
      } catch (error) {
        // The calls are judged by the wire itself.
        note(`what passed between the agent and its bridge is not among the logs: ${error instanceof Error ? error.message : String(error)}`)
      }
      return Promise.resolve(tappedCalls(places.wire))
    },
  }
}

/** What an installation is to change, and what it must not. */
async function snapshotOf(facts: Up, { env }: StepContext): Promise<Record<string, string[]>> {
  const [tools, ...changed] = await Promise.all([
    listTools(facts.proxyUrl).then((live) => live.map(({ name }) => name)),
    ...Object.entries({ stelae: facts.stelae, 'mcp-proxy': facts.proxy })
      .map(async ([name, clone]) => (await gitStatus(clone, env, { ignored: false })).map((line) => `${name}: ${line}`)),
  ])
  return { tools, 'git status': changed.flat() }
}
