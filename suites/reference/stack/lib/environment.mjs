import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseEnv } from 'node:util'

export const stackDir = dirname(dirname(fileURLToPath(import.meta.url)))

const keys = ['STACK_CONFIG_HOME', 'STACK_STATE_HOME', 'PROXY_DIR', 'PROXY_PORT', 'PUBLIC_PORT', 'PM2_HOME', 'PM2_BIN', 'STACK_DEBUG']

/** An error whose message is all a person needs; scripts print it without a stack. */
export class StackError extends Error {}

/** The stack's settings and places, from the environment and, for what is not there, `$STACK_CONFIG_HOME/.env`. */
export function loadEnvironment(given = process.env) {
  const env = { ...given }
  const configHome = env.STACK_CONFIG_HOME
  if (!configHome) throw new StackError('STACK_CONFIG_HOME is not set: where shall the stack keep its files? See .env.example')
  const file = join(configHome, '.env')
  const fromFile = existsSync(file) ? parseEnv(readFileSync(file, 'utf8')) : {}
  for (const [key, value] of Object.entries(fromFile)) if (!env[key]) env[key] = value
  env.STACK_STATE_HOME ||= join(configHome, '.state')
  env.PROXY_DIR ||= join(stackDir, '..', 'proxy')
  for (const key of ['PROXY_PORT', 'PM2_HOME', 'PM2_BIN']) {
    if (!env[key]) throw new StackError(`${key} is not set; put it into ${file} (see .env.example)`)
  }
  env.PUBLIC_PORT ||= env.PROXY_PORT
  for (const key of ['PROXY_PORT', 'PUBLIC_PORT']) {
    if (/^[1-9]\d{0,4}$/.test(env[key]) && Number(env[key]) <= 65_535) continue
    throw new StackError(`${key} must be a port number; it is ${JSON.stringify(env[key])}; correct it in the environment or in ${file}`)
  }
  const stateHome = env.STACK_STATE_HOME
  return {
    configHome, stateHome, stackDir,
    port: Number(env.PROXY_PORT),
    pm2Home: env.PM2_HOME,
    pm2: env.PM2_BIN,
    /** For programs that are started from here. */
    environment: Object.fromEntries(keys.map((key) => [key, env[key] ?? ''])),
    catalog: join(stackDir, 'config/catalog.json'),
    overlay: join(configHome, 'servers.local.json'),
    localOverrides: join(configHome, 'tool_overrides.local.json'),
    rendered: join(stateHome, 'proxy.json'),
    toolOverrides: join(stateHome, 'tool_overrides.json'),
    intendedCatalog: join(stateHome, 'intended_catalog.json'),
    callLog: join(stateHome, 'mcp-calls.ndjson'),
    /** The tools that a server listed when it was installed. */
    cacheOf: (server) => join(stateHome, 'tools', `${server}.json`),
    url: `http://127.0.0.1:${env.PUBLIC_PORT}/mcp`,
  }
}

/** Runs a script: errors meant for people are printed as they are, with exit code 2; all others with their stack, and 1. */
export async function main(work) {
  try {
    process.exitCode = (await work()) ?? 0
  } catch (error) {
    console.error(error instanceof StackError ? `error: ${error.message}` : error)
    process.exitCode = error instanceof StackError ? 2 : 1
  }
}
