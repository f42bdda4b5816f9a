import { execa } from 'execa'
import { expect, test } from 'vitest'
import { closedProxy, proxyEnvironment } from './outside.ts'

test('whoever wants to leave this machine is refused and counted; what is on it is reached', async () => {
  const outside = await closedProxy()
  try {
    const env = { PATH: process.env.PATH ?? '', ...proxyEnvironment(outside.url) }
    const git = await execa('git', ['ls-remote', 'https://github.com/acme/app.git'], { env: { ...env, GIT_TERMINAL_PROMPT: '0' }, extendEnv: false, reject: false })
    expect(git.exitCode).toBe(128)
    expect(git.stderr).toContain('403')
    const local = await execa('git', ['ls-remote', `${outside.url}/nobody.git`], { env, extendEnv: false, reject: false })
    expect(local.stderr).toContain('403')
    const plain = await execa('git', ['ls-remote', 'http://example.com/app.git'], { env, extendEnv: false, reject: false })
    expect(plain.exitCode).toBe(128)
    expect(outside.asked()).toEqual(['github.com:443', expect.stringMatching(/^\/nobody\.git\//), expect.stringMatching(/^http:\/\/example\.com\/app\.git\//)])
  } finally {
    outside.close()
  }
})
