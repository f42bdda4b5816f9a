import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { keyVariable, modelCatalog } from '../../harness/agents/codex/flags.ts'
import { toToml } from '../../harness/agents/codex/toml.ts'
import { findAgent } from '../../harness/agents/find-agent.ts'
import { startScriptedModel, type ModelRecord } from '../../harness/models/scripted.ts'
import { shellWord } from '../../harness/shell-word.ts'
import type { Daemon } from './daemon.ts'
import { nowhere, proxyEnvironment } from './outside.ts'

/** The Codex CLI itself where a daemon looks for `codex`, with a model that has nothing to say. */
export interface RealCodex {
  /** What Codex wrote of its sessions, as one text. */
  readonly rollouts: () => string
  /** Gives the stand-in its place back, and ends the model. What the model was asked. */
  readonly remove: () => Promise<ModelRecord>
}

/**
 * Puts the Codex CLI in the place of its stand-in, with a home and a model on loopback of its own and no way to any other host.
 * @throws PrerequisiteError when there is no Codex
 */
export async function placeRealCodex(daemon: Daemon): Promise<RealCodex> {
  const program = findAgent(process.env.SMOKE_AGENT_BIN)
  const home = join(daemon.root, 'codex-home')
  const sessions = join(home, 'sessions')
  mkdirSync(home, { recursive: true, mode: 0o700 })
  // Some versions ask for a title of the session as well, before or after the turn: each answer is as good as the others.
  const model = await startScriptedModel({ turns: [[], [], []] }, { modelLog: join(daemon.root, 'codex-model.jsonl') })
  const { name, baseUrl, apiKey } = model.endpoint
  writeFileSync(join(home, 'model-catalog.json'), modelCatalog(name))
  const settings = {
    model: name, model_provider: 'clone_smoke', model_catalog_json: join(home, 'model-catalog.json'), check_for_update_on_startup: false, web_search: 'disabled',
    features: { plugins: false }, analytics: { enabled: false },
    model_providers: { clone_smoke: { name: 'clone_smoke', base_url: baseUrl, wire_api: 'responses', env_key: keyVariable, request_max_retries: 0, stream_max_retries: 0 } },
  }
  writeFileSync(join(home, 'config.toml'), Object.entries(settings).map(([key, value]) => `${key} = ${toToml(value)}\n`).join(''))
  // What Codex itself would ask for is not AO's to answer for.
  const environment = { CODEX_HOME: home, [keyVariable]: apiKey, ...proxyEnvironment(nowhere) }
  writeFileSync(daemon.realProgram('codex'), `#!/bin/sh\nexec env ${Object.entries(environment).map(([key, value]) => shellWord(`${key}=${value}`)).join(' ')} ${shellWord(program)} "$@"\n`, { mode: 0o700 })
  chmodSync(daemon.realProgram('codex'), 0o700)
  return {
    rollouts: () => !existsSync(sessions) ? '' : readdirSync(sessions, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8')).join('\n'),
    remove: () => {
      rmSync(daemon.realProgram('codex'), { force: true })
      return model.finish()
    },
  }
}
