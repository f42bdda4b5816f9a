import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { UsageError } from '../../harness/errors.ts'
import { path } from '../../harness/options/definitions.ts'
import { expectCleanRepository, gitStatus } from '../../helpers/git.ts'
import { listTools } from '../../helpers/mcp-client.ts'
import { pm2Program, versionOf } from '../../helpers/packages.ts'
import { versionOnPath } from '../../helpers/programs.ts'
import { diagnosers } from './diagnosers.ts'
import { bootstrap } from './lanes/bootstrap.ts'
import { bundleTools } from './lanes/bundle-tools.ts'
import { install } from './lanes/install.ts'
import { remove } from './lanes/remove.ts'
import { resumeInstalled, resumeUp } from './lanes/resume.ts'
import { verifyClean } from './lanes/verify-clean.ts'
import { configHome, environmentFile, pm2Home, receivedCalls, sourceFolder } from './places.ts'
import { suite, type Up } from './states.ts'
import type { AgentWiring, StepContext } from '../../harness/suite.ts'

export default suite({
  name: 'reference',
  prerequisites: [
    { name: 'git', find: findGit },
    { name: 'npm', find: findNpm },
    { name: 'pm2', find: () => { pm2Program(); return Promise.resolve(versionOf('pm2')) } },
  ],
  sources: {
    stack: { kind: 'folder', folder: sourceFolder('stack') },
    proxy: { kind: 'folder', folder: sourceFolder('proxy') },
  },
  ports: ['proxy'],
  // The rest is in the environment file, and only there: a stack that does not read it must not work by accident.
  environment: (paths) => ({ STACK_CONFIG_HOME: configHome(paths) }),
  agent: { up: wireAgent, installed: wireAgent },
  resume: { up: resumeUp, installed: resumeInstalled },
  environmentFiles: (paths) => [environmentFile(paths)],
  stack: (paths, ports) => ({
    logs: ['pm2/pm2.log', 'pm2/logs/*.log', 'config-home/.state/*.log'], pm2Home: pm2Home(paths), pm2Program: pm2Program(),
    endpoints: { proxy: `http://127.0.0.1:${ports.proxy}/mcp` },
  }),
  diagnosers,
  debug: { environment: () => ({ STACK_DEBUG: '1' }), logs: ['config-home/.state/proxy-debug.log', 'config-home/.state/bridge.log'] },
  snapshots: { up: snapshotOf, installed: snapshotOf },
  options: {
    wrapperRelease: path('release of one more MCP server that the bundle is to install: a folder with a `release.json` of name, command and args'),
  },
  checkOptions: ({ wrapperRelease }) => {
    if (typeof wrapperRelease !== 'string' || existsSync(join(wrapperRelease, 'release.json'))) return
    throw new UsageError(`SMOKE_WRAPPER_RELEASE=${JSON.stringify(wrapperRelease)} has no release.json`, 'name a folder whose release.json says `name`, `command` and `args`')
  },
  lanes: [bootstrap, bundleTools, install, remove, verifyClean],
  invariants: [
    {
      name: 'git status is clean in both clones and the client repository',
      check: async ({ paths, env }) => {
        for (const name of ['stack', 'proxy', 'client']) {
          const clone = join(paths.root, name)
          if (existsSync(join(clone, '.git'))) await expectCleanRepository(name, clone, env)
        }
      },
    },
  ],
})

/** The agent works in a repository of its own and reaches the stack through the stack's bridge. */
function wireAgent(facts: Up, { paths, env }: StepContext): AgentWiring {
  return {
    cwd: facts.clientRepository,
    servers: {
      stack: { transport: 'stdio', command: process.execPath, args: [join(facts.stack, 'scripts/bridge.mjs')], env },
    },
    receivedCalls: () => Promise.resolve(receivedCalls(paths)),
  }
}

/** What an installation is to change, and what it must not. */
async function snapshotOf(facts: Up, { env }: StepContext): Promise<Record<string, string[]>> {
  const [tools, ...changed] = await Promise.all([
    listTools(facts.proxyUrl).then((live) => live.map(({ name }) => name)),
    ...Object.entries({ stack: facts.stack, proxy: facts.proxy, client: facts.clientRepository })
      .map(async ([name, clone]) => (await gitStatus(clone, env)).map((line) => `${name}: ${line}`)),
  ])
  return { tools, 'git status': changed.flat() }
}

function findGit(env: NodeJS.ProcessEnv): Promise<string> {
  return versionOnPath('git', 'install git, e.g. apt-get install git', env)
}

/** The clone's own tests are npm scripts. */
function findNpm(env: NodeJS.ProcessEnv): Promise<string> {
  return versionOnPath('npm', 'install npm; it comes with Node', env)
}
