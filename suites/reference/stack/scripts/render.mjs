import { loadEnvironment, main } from '../lib/environment.mjs'
import { render } from '../lib/render.mjs'

await main(() => {
  const { rendered, changed } = render(loadEnvironment())
  console.log(`[render] ${rendered.name} ${rendered.revision} on port ${rendered.port}: ${Object.keys(rendered.servers).length} servers, ${rendered.aggregates.length} aggregates`)
  for (const file of changed) console.log(`[render] wrote ${file}`)
})
