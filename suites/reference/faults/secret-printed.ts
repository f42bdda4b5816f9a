import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Fault } from './fault.ts'

/** In parts, so that this file does not hold it. */
const secret = ['planted', '4f1c', '9d2b', 'value'].join('-')

// Not in the catalogue yet: it is there once secrets are redacted where files are written.
export const secretPrinted: Fault = {
  id: 'secret-printed',
  incident: 'A server printed the key from its environment into its log, and the log went into the artifacts of the build.',
  filters: ['bootstrap.smoke'],
  outcome: {
    is: 'survived', proves: 'a secret of the sandbox is in no artifact',
    words: ['nothing left behind'],
    check: (_directory, { results }) => {
      const files = readdirSync(results, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
      const found = files.filter((file) => existsSync(file) && readFileSync(file).includes(secret))
      return found.length === 0 ? undefined : `the secret is in ${found.join(', ')}`
    },
  },
  inject: ({ commit }) => commit('stack', (edit) => {
    // The stack reads it from its environment file, hands it to its servers, and one of them prints it.
    edit('lib/environment.mjs', 'const env = { ...given }', `process.env.DOCS_API_KEY ??= ${JSON.stringify(secret)}\n  const env = { ...given }`)
    edit('scripts/install-bundle.mjs', 'const places = loadEnvironment()', 'const places = loadEnvironment()\n  console.log(`[bundle] DOCS_API_KEY=${process.env.DOCS_API_KEY}`)')
  }),
}
