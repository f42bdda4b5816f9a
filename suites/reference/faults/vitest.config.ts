import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { nearestOf } from '../../../harness/options/nearest.ts'
import { faults } from './catalogue.ts'

checkFilter(process.argv)

export default defineConfig({
  root: fileURLToPath(new URL('../../..', import.meta.url)),
  test: { name: 'faults', include: ['suites/reference/faults/*.faults.ts'], testTimeout: 900_000, hookTimeout: 60_000, reporters: [['default', { summary: false }]], disableConsoleIntercept: true },
})

/** A filter that matches nothing would skip all of it and look green: bad input, exit code 2. */
function checkFilter(args: readonly string[]): void {
  const at = args.findIndex((argument) => /^(?:-t|--testNamePattern)(?:=|$)/.test(argument))
  const asked = at === -1 ? undefined : args[at]?.split('=')[1] ?? args[at + 1]
  if (asked === undefined) return
  const names = [...faults.map(({ id }) => id), 'clean run 1']
  if (names.some((name) => new RegExp(asked).test(name))) return
  const nearest = nearestOf(asked, names)
  process.stderr.write(`no fault matches ${JSON.stringify(asked)}\n  next: ${nearest === undefined ? 'see suites/reference/faults' : `did you mean ${nearest}?`}\n`)
  process.exit(2)
}
