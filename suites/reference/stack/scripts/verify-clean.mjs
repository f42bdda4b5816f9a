import { execFileSync } from 'node:child_process'
import { loadEnvironment, main, stackDir } from '../lib/environment.mjs'
import { readJson, toJson } from '../lib/files.mjs'
import { differences, tellDifferences } from '../lib/manage-stack.mjs'
import { liveTools } from '../lib/probe.mjs'
import { intendedTools, renderConfig } from '../lib/render.mjs'

await main(async () => {
  const places = loadEnvironment()
  const outdated = (file) => `${file} is not what the overlay asks for; run node scripts/restart-stack.mjs`
  const checks = {
    'the checkout is clean': () => execFileSync('git', ['status', '--porcelain'], { cwd: stackDir, encoding: 'utf8' }).trim(),
    'what is rendered is what the overlay says': () =>
      toJson(readJson(places.rendered)) === toJson(renderConfig(places)) ? '' : outdated(places.rendered),
    'the intended catalog is what the overlay says': () =>
      tellDifferences(differences(intendedTools(renderConfig(places), places), readJson(places.intendedCatalog).tools)) && outdated(places.intendedCatalog),
    'the live catalog is the intended one': async () => {
      const found = tellDifferences(differences(readJson(places.intendedCatalog).tools, await liveTools(places.url)))
      return found && `${found}; see ${places.url.replace(/mcp$/, '.well-known/mcp/manifest.json')}, or let manage_stack run_reconciler mend it`
    },
  }
  const failed = []
  for (const [name, check] of Object.entries(checks)) {
    // A check that cannot be made has failed, and the others are made all the same.
    const problem = await Promise.resolve().then(check).catch((error) => `cannot be checked: ${error.cause?.message || error.message}`)
    if (problem) failed.push(name)
    console.log(problem ? `FAIL ${name}: ${problem}` : `ok   ${name}`)
  }
  if (failed.length > 0) console.log(`verify-clean: ${failed.length} of ${Object.keys(checks).length} checks failed: ${failed.join('; ')}`)
  return failed.length === 0 ? 0 : 1
})
