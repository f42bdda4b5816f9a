import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** What a checkout of Stelae offers; a year of its history differs in all of it. Found by looking, never by version. */
export interface CheckoutOffers {
  /** Flags of the restart script. */
  readonly restartFlags: ReadonlySet<string>
  /** Flags of `scripts/setup_env.py`; undefined when there is no such script. */
  readonly setupFlags: ReadonlySet<string> | undefined
  /** Flags of the bundle installer; undefined when there is none. */
  readonly bundleFlags: ReadonlySet<string> | undefined
  /** The starter bundle, relative to the clone; undefined when there is none. */
  readonly starterBundle: string | undefined
  /** Targets of the Makefile. */
  readonly makeTargets: ReadonlySet<string>
  /** Keys of `.env.example`. */
  readonly exampleKeys: readonly string[]
  /** The template puts the sandbox's port into the proxy's address. */
  readonly templateHasPort: boolean
  /** The structural test that Stelae's own harness runs after the start. */
  readonly structuralTest: string | undefined
}

/** Flags that a shell script handles in a `case`: `--keep-pm2)` and `--a|--b)`. */
export function flagsOfShellScript(text: string): Set<string> {
  const flags = new Set<string>()
  for (const [, pattern = ''] of text.matchAll(/^\s*((?:-{1,2}[\w-]+(?:=\*)?\s*\|?\s*)+)\)/gm)) {
    for (const flag of pattern.split('|')) flags.add(flag.trim().replace(/=\*$/, ''))
  }
  return flags
}

/** Flags that a Python script declares with `add_argument`. */
export function flagsOfPythonScript(text: string): Set<string> {
  return new Set([...text.matchAll(/add_argument\(\s*((?:["']-{1,2}[\w-]+["']\s*,?\s*)+)/g)].flatMap(([, names = '']) => [...names.matchAll(/-{1,2}[\w-]+/g)].map(([flag]) => flag)))
}

/** Targets of a Makefile. */
export function targetsOf(text: string): Set<string> {
  return new Set([...text.matchAll(/^([A-Za-z][\w-]*)\s*:(?!=)/gm)].map(([, target = '']) => target))
}

/** Looks at a checkout. */
export function examineCheckout(stelae: string): CheckoutOffers {
  const text = (file: string): string | undefined => {
    const path = join(stelae, file)
    return existsSync(path) ? readFileSync(path, 'utf8') : undefined
  }
  const setup = text('scripts/setup_env.py')
  const installer = text('scripts/install_stelae_bundle.py')
  const bundles = ['bundles/starter', 'config/bundles/starter_bundle.json']
  const structural = 'tests/test_repo_sanitized.py'
  return {
    restartFlags: flagsOfShellScript(`${text('scripts/restart_stelae.sh') ?? ''}\n${text('scripts/run_restart_stelae.sh') ?? ''}`),
    setupFlags: setup === undefined ? undefined : flagsOfPythonScript(setup),
    bundleFlags: installer === undefined ? undefined : flagsOfPythonScript(installer),
    starterBundle: bundles.find((bundle) => existsSync(join(stelae, bundle))),
    makeTargets: targetsOf(text('Makefile') ?? ''),
    exampleKeys: [...(text('.env.example') ?? '').matchAll(/^\s*([A-Z_][A-Z0-9_]*)=/gm)].map(([, key = '']) => key),
    templateHasPort: (text('config/proxy.template.json') ?? '').includes('{{PROXY_PORT}}'),
    structuralTest: existsSync(join(stelae, structural)) ? structural : undefined,
  }
}

/**
 * How the restart script is called: nothing public is started, pm2 is left alive, no port's holder is killed, and the
 * proxy that was built before is used. Only flags that the script has.
 */
export function restartArguments(offered: ReadonlySet<string>): string[] {
  const wanted = [['--keep-pm2', '--no-pm2-kill'], ['--no-bridge'], ['--no-cloudflared'], ['--no-watchdog'], ['--no-port-kill'], ['--skip-proxy-build']]
  return wanted.map((names) => names.find((name) => offered.has(name))).filter((flag) => flag !== undefined)
}

/** Names of the modules that Python files under these folders import. */
export function importsOf(stelae: string, folders: readonly string[]): Set<string> {
  const names = new Set<string>()
  for (const folder of folders) {
    const path = join(stelae, folder)
    if (!existsSync(path)) continue
    for (const file of readdirSync(path, { recursive: true, encoding: 'utf8' })) {
      if (!file.endsWith('.py')) continue
      for (const name of importsIn(readFileSync(join(path, file), 'utf8'))) names.add(name)
    }
  }
  return names
}

/** Names of the modules that a Python text imports. */
export function importsIn(text: string): string[] {
  return [...text.matchAll(/^[ \t]*(?:from[ \t]+([A-Za-z_]\w*)[\w.]*[ \t]+import|import[ \t]+([\w., \t]+))/gm)].flatMap(([, from, plain = '']) =>
    from !== undefined ? [from] : plain.split(',').map((name) => /^\s*([A-Za-z_]\w*)/.exec(name)?.[1]).filter((name) => name !== undefined))
}
