import { expect, test } from 'vitest'
import { sandboxEnvironment } from './environment.ts'
import { workspacePaths } from './workspace-paths.ts'

const host = { PATH: '/bin', HOME: '/home/user', TMPDIR: '/host/tmp', TEMP: '/host/temp', TMP: '/host/t', SECRET_TOKEN: 'x', LANG: 'C' }
const paths = workspacePaths('/w')

test.each(['TMPDIR', 'TEMP', 'TMP'])('%s is the sandbox\'s: programs that find one of them unfit take the next, and then /tmp', (name) => {
  expect(sandboxEnvironment(paths, 'id', host)[name]).toBe('/w/tmp')
})

test('of the host only what is allowed is seen', () => {
  const env = sandboxEnvironment(paths, 'id', host)
  expect(env).toMatchObject({ PATH: '/bin', LANG: 'C', HOME: '/w/home' })
  expect(Object.values(env).filter((value) => value.includes('/host/') || value === 'x')).toEqual([])
})
