import { accessSync, appendFileSync, constants, cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, delimiter, isAbsolute, join } from 'node:path'
import { restartStep, step, type Checkout, type StepContext } from '../../../harness/suite.ts'
import { fail } from '../../../harness/verdict.ts'
import { bundleOutcome } from '../bundle-output.ts'
import { intendedTools } from '../catalog.ts'
import { examineCheckout, restartArguments, type CheckoutOffers } from '../checkout.ts'
import { environmentMap, environmentText } from '../environment-map.ts'
import { optionsOf } from '../options.ts'
import { placesIn, type Places } from '../places.ts'
import { beginProxyBuild } from '../proxy-build.ts'
import { providePython } from '../python.ts'
import { beginServers } from '../registry-servers.ts'
import {
  addCustomTool, catalogFragment, catalogsOf, expectRenderedPort, offerServer, overlayServers, pointAggregationsAt, serversIn, unknownTools, unreachableServers,
  writePrograms, writeStandIns, type Adaptation,
} from '../servers.ts'
import { awaitServers, awaitTools, expectIntendedCatalog, startStack, urlOf } from '../start-stack.ts'
import { lane, serverToInstall } from '../states.ts'
import { excerpt } from '../../../harness/redaction/excerpt.ts'

/** Tools without which no lane can work. */
const requiredTools = ['manage_stelae', 'grep']

/** Bundle, render and restart together stay below 60 s [seed]; a stall there is a fault to find, not a budget to raise. */
export const bootstrap = lane({
  name: 'bootstrap',
  proves: 'a fresh checkout of Stelae can be cloned, configured, filled with its starter bundle, built, started and tested',
  needs: 'nothing',
  leaves: 'up',
  steps: {
    clone: step(60, 'clone'),
    // Downloads, where nothing is cached: some 40 packages, and the modules of the proxy.
    'python environment': step(300),
    'environment file': step(20),
    'starter bundle': step(60),
    // Begun with the clones, as the build is. Some 400 packages, where nothing is cached.
    'bundle servers': step(900),
    'render-proxy': step(20),
    // Begun with the clones: nothing before the restart needs it.
    'proxy build': step(420),
    restart: restartStep(10),
    readiness: step(60, 'readiness'),
    catalog: step(15, 'catalog'),
    'structural tests': step(60, 'check-failed'),
  },
  work: async ({ step, skip, testScope }) => {
    const { stelae, proxy, client, build, installation } = await step('clone', async (context) => {
      const { paths, ports, clone, run } = context
      const stelae = await clone('stelae')
      const proxy = await clone('mcp-proxy')
      expectFiles('Stelae', stelae, ['scripts/restart_stelae.sh', 'config/proxy.template.json'])
      expectFiles('mcp-proxy', proxy, ['go.mod'])
      const { clientRepository } = placesIn(paths)
      mkdirSync(clientRepository)
      // One of Stelae's tests builds the proxy, in the place where a developer has it.
      mkdirSync(join(paths.home, 'apps'))
      symlinkSync(proxy.path, join(paths.home, 'apps', 'mcp-proxy'))
      await run({ name: 'client-repository', file: 'git', args: ['init', '--quiet', '--initial-branch=main', clientRepository], cwd: paths.root })
      const build = await beginProxyBuild(context, placesIn(paths), proxy.commit)
      const installation = beginServers(context, placesIn(paths), environmentMap(placesIn(paths), paths.home, ports.proxy ?? 0, []))
      return { stelae, proxy, client: clientRepository, build, installation }
    })
    const offers = examineCheckout(stelae.path)
    const flags = restartArguments(offers.restartFlags)

    await step('python environment', (context) => providePython(context, placesIn(context.paths)))
    await step('environment file', (context) => writeEnvironment(context, offers))
    await step('starter bundle', (context) => installBundle(context, offers))
    const realTools = await step('bundle servers', async (context) => {
      const { adaptations, tools } = await installation.finish(context)
      tell(context, adaptations)
      return tools
    })
    await step('render-proxy', (context) => render(context, realTools))
    await step('proxy build', (context) => build.finish(context))
    await step('restart', (context) => {
      context.fact('stelae.restart', flags.join(' '))
      return startStack(context, flags)
    })
    const { tools, proxyUrl } = await step('readiness', async (context) => {
      await awaitServers(context)
      return { tools: await awaitTools(context, requiredTools), proxyUrl: urlOf(context.ports) }
    })
    const servers = await step('catalog', (context) => {
      context.fact('tools', tools.toSorted().join(' '))
      expectIntendedCatalog(context, tools)
      return Promise.resolve(serversIn(placesIn(context.paths).proxyConfig))
    })
    const { structuralTest } = offers
    if (testScope === 'none') skip('structural tests', 'the test scope is "none"')
    else if (structuralTest === undefined) skip('structural tests', 'this checkout has no tests/test_repo_sanitized.py')
    else {
      await step('structural tests', async ({ paths, run }) => {
        await run({ file: placesIn(paths).python, args: ['-m', 'pytest', '-q', '-p', 'no:cacheprovider', structuralTest], cwd: stelae.path })
      })
    }
    return { stelae: stelae.path, proxy: proxy.path, clientRepository: client, proxyUrl, tools, servers, restartFlags: flags }
  },
})

/** @throws VerdictError of class clone when these files, which every commit of it has, are not there */
export function expectFiles(what: string, { path, commit }: Pick<Checkout, 'path' | 'commit'>, files: readonly string[]): void {
  const missing = files.find((file) => !existsSync(join(path, file)))
  if (missing === undefined) return
  throw fail('clone', `what was cloned is no checkout of ${what}, or an early one: ${commit.slice(0, 7)} has no ${missing}`, { remedy: 'look at what the sources name: npx clone-smoke plan' })
}

const tell = ({ note }: StepContext, adaptations: readonly (Adaptation | undefined)[]): void => {
  for (const adaptation of adaptations) if (adaptation) note(`adaptation: ${adaptation.what}; because ${adaptation.why}`)
}

/** Writes the environment file and lets Stelae make its config home from it. */
async function writeEnvironment(context: StepContext, { setupFlags, exampleKeys }: CheckoutOffers): Promise<void> {
  const { paths, ports, run, options, note } = context
  const places = placesIn(paths)
  const wrapper = copyWrapper(optionsOf(options).wrapperRelease, places.configHome)
  const values = { ...environmentMap(places, paths.home, ports.proxy ?? 0, exampleKeys), ...wrapper }
  const unknown = exampleKeys.filter((key) => !(key in values))
  if (unknown.length > 0) note(`finding: .env.example has keys that this suite does not know: ${unknown.join(', ')}; they keep what is written there`)
  for (const directory of [places.stateHome, join(places.configHome, 'logs'), `${places.apps}/vendor/1mcpserver`]) mkdirSync(directory, { recursive: true })
  writeFileSync(places.environmentFile, environmentText(values), { mode: 0o600 })
  if (setupFlags !== undefined) {
    const flag = (name: string, ...more: string[]): string[] => (setupFlags.has(name) ? [name, ...more] : [])
    await run({
      name: 'setup-env', file: places.python, cwd: places.stelae,
      args: ['scripts/setup_env.py', ...flag('--config-home', places.configHome), ...flag('--repo-root', places.stelae), ...flag('--env-file', places.environmentFile), ...flag('--materialize-defaults')],
    })
  }
  const aggregations = ['tool_aggregations.json', 'tool_aggregations.local.json'].map((name) => pointAggregationsAt(join(places.configHome, name), `http://127.0.0.1:${ports.proxy}`))
  tell(context, [
    { what: 'PYTHONPATH is the clone', why: 'scripts/custom_tools_server.py imports stelae_lib without a path to it' },
    ...aggregations, addCustomTool(join(places.configHome, 'custom_tools.json')), ...writePrograms(places), offerServerToInstall(places),
  ])
}

/** Makes the server known that the agent is to install: the entry is the one of Stelae's own list. */
function offerServerToInstall(places: Places): Adaptation {
  const { name, store, find } = serverToInstall
  offerServer(places, {
    name, transport: 'stdio', command: 'uvx', args: ['mcp-server-qdrant', '--transport', 'stdio'], description: 'semantic memory on a vector search engine',
    env: { COLLECTION_NAME: '{{QDRANT_COLLECTION_NAME}}', QDRANT_LOCAL_PATH: '{{QDRANT_LOCAL_PATH}}', EMBEDDING_MODEL: '{{QDRANT_EMBEDDING_MODEL}}' },
    source: 'https://github.com/qdrant/mcp-server-qdrant/', tools: [{ name: store }, { name: find }],
  })
  return { what: `${name} is in discovered_servers.json, and QDRANT_* are in the environment file`, why: 'setup_env.py leaves that list empty ("No discovered server named \'qdrant\'"), and the entry has placeholders' }
}

/** Copies a release of the wrapper; the link `latest` and the two variables are those of Stelae's own harness. */
function copyWrapper(release: string | undefined, configHome: string): Record<string, string> {
  if (release === undefined) return {}
  const releases = join(configHome, 'codex-mcp-wrapper', 'releases')
  const own = join(releases, basename(release))
  mkdirSync(releases, { recursive: true })
  cpSync(release, own, { recursive: true })
  symlinkSync(basename(release), join(releases, 'latest'))
  return { CODEX_WRAPPER_BIN: join(own, 'venv/bin/codex-mcp-wrapper'), CODEX_WRAPPER_CONFIG: join(own, 'wrapper.toml') }
}

/** Installs the starter bundle without a restart. @throws VerdictError when it reports an error, or installs nothing */
async function installBundle({ paths, run, fact, note }: StepContext, { bundleFlags, starterBundle }: CheckoutOffers): Promise<void> {
  if (bundleFlags === undefined || starterBundle === undefined) {
    note('this checkout has no starter bundle to install')
    return
  }
  const places = placesIn(paths)
  const output = await run({
    file: places.python, cwd: places.stelae,
    args: ['scripts/install_stelae_bundle.py', '--bundle', starterBundle, ...(bundleFlags.has('--no-restart') ? ['--no-restart'] : [])],
  })
  const { installed, skipped, errors } = bundleOutcome(output)
  if (errors.length > 0) throw fail('bootstrap-step', `the bundle installer reports errors: ${errors.join('; ')}`)
  if (installed.length + skipped.length === 0) throw fail('bootstrap-step', `the bundle installer named no server; it said: ${excerpt(output, 300) || '(nothing)'}`)
  fact('stelae.bundle', [...installed, ...skipped].join(' '))
}

/** Renders the proxy's configuration; servers that cannot work here get a stand-in in the overlay, and it is rendered again. */
async function render(context: StepContext, realTools: ReadonlyMap<string, readonly string[]>): Promise<void> {
  const { paths, ports, env, run } = context
  const places = placesIn(paths)
  const make = (): Promise<string> => run({ file: 'make', args: ['render-proxy'], cwd: places.stelae })
  await make()
  expectRendered(places)
  const isProgram = (command: string): boolean => (isAbsolute(command) ? [command] : (env.PATH ?? '').split(delimiter).map((folder) => join(folder, command))).some(isExecutable)
  const unreachable = unreachableServers(JSON.parse(readFileSync(places.proxyConfig, 'utf8')), isProgram)
  const commands = writeStandIns(places, unreachable.map(({ server }) => server))
  overlayServers(places.overlay, Object.fromEntries(unreachable.map(({ server }) => {
    const [command = '', ...args] = commands.get(server) ?? []
    return [server, { command, args }]
  })))
  tell(context, unreachable.map(({ server, why }) => ({ what: `server ${server} is a stand-in (proxy.template.local.json)`, why })))
  const intended = intendedTools(join(places.stateHome, 'intended_catalog.json'), join(places.stateHome, 'tool_overrides.json'))
  if (intended !== undefined) {
    const { text, adaptations } = catalogFragment(intended, unknownTools(realTools, catalogsOf(places)))
    writeFileSync(join(places.configHome, 'catalog', 'clone-smoke.json'), text)
    tell(context, adaptations)
  }
  await make()
  const least = intendedTools(join(places.stateHome, 'intended_catalog.json'), join(places.stateHome, 'tool_overrides.json'))?.tools.length ?? 0
  if (least > 0) {
    appendFileSync(places.environmentFile, environmentText({ MIN_TOOL_COUNT: String(least), READY_TIMEOUT_SEC: '120' }))
    tell(context, [{
      what: `MIN_TOOL_COUNT is ${least}, the number of intended tools, and READY_TIMEOUT_SEC 120`,
      why: 'the restart script takes two tools for ready, or what there is after 45 s, and then its snapshot of the live catalog lacks those of slower servers',
    }])
  }
  expectRenderedPort(places.proxyConfig, ports.proxy ?? 0)
}

/** @throws VerdictError when `make render-proxy` wrote its result anywhere but where the environment file says */
function expectRendered({ proxyConfig, configHome, stelae }: Places): void {
  if (existsSync(proxyConfig)) return
  const elsewhere = [join(configHome, 'proxy.json'), join(stelae, 'config/proxy.json')].find((file) => existsSync(file))
  throw fail('bootstrap-step', `\`make render-proxy\` wrote no ${proxyConfig}, which PROXY_CONFIG in the environment file names; ${elsewhere === undefined ? 'nor is there a proxy.json elsewhere' : `it wrote ${elsewhere}`}`, {
    remedy: 'look for the path in the Makefile: this checkout does not take it from the environment file',
  })
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
