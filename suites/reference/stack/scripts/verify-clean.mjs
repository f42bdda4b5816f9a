import { execFileSync } from 'node:child_process'
import { loadEnvironment, main, stackDir } from '../lib/environment.mjs'
import { readJson, toJson } from '../lib/files.mjs'
import { differences } from '../lib/manage-stack.mjs'
import { liveTools } from '../lib/probe.mjs'
import { renderConfig } from '../lib/render.mjs'

await main(async () => {
  const places = loadEnvironment()
  const checks = {
    'the checkout is clean': () => execFileSync('git', ['status', '--porcelain'], { cwd: stackDir, encoding: 'utf8' }).trim(),
    'what is rendered is what the overlay says': () =>
      toJson(readJson(places.rendered)) === toJson(renderConfig(places)) ? '' : `${places.rendered} is older than the overlay; run scripts/render.mjs`,
    'the live catalog is the intended one': async () => {
      const { missing, extra } = differences(readJson(places.intendedCatalog).tools, await liveTools(places.url))
      return [...missing.map((tool) => `missing ${tool}`), ...extra.map((tool) => `not intended ${tool}`)].join(', ')
    },
  }
  let failed = 0
  for (const [name, check] of Object.entries(checks)) {
    const problem = await check()
    if (problem) failed += 1
    console.log(problem ? `FAIL ${name}: ${problem}` : `ok   ${name}`)
  }
  return failed === 0 ? 0 : 1
})
