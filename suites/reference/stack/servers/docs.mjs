import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { stackDir } from '../lib/environment.mjs'
import { answer, serveTools } from '../lib/serve-tools.mjs'

const folder = join(stackDir, 'docs')
const names = () => readdirSync(folder).filter((name) => name.endsWith('.md')).sort()

await serveTools('docs', [
  {
    name: 'list_documents', description: 'Names of all documents', annotations: { readOnlyHint: true },
    inputSchema: { type: 'object', properties: {} },
    call: () => answer({ documents: names() }),
  },
  {
    name: 'fetch_document', description: 'One document as Markdown', annotations: { readOnlyHint: true },
    inputSchema: { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] },
    call: ({ name }) => {
      if (!names().includes(name)) throw new Error(`there is no document ${JSON.stringify(name)}; there are ${names().join(', ')}`)
      return answer({ name, text: readFileSync(join(folder, name), 'utf8') })
    },
  },
])
