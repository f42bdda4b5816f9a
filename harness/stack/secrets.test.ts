import { expect, test } from 'vitest'
import { hideSecrets, isSecretName } from './secrets.ts'

test.each(['API_KEY', 'github_token', 'DB_PASSWORD', 'ClientSecret', 'AUTH_HEADER'])('%s is the name of a secret', (name) => {
  expect(isSecretName(name)).toBe(true)
})

test.each(['PATH', 'PM2_HOME', 'PORT'])('%s is not', (name) => {
  expect(isSecretName(name)).toBe(false)
})

test.each([
  { text: 'the app said hunter22 aloud', hidden: 'the app said (DB_PASSWORD hidden) aloud' },
  { text: 'longer: hunter22-and-more', hidden: 'longer: (MORE_TOKEN hidden)' },
  { text: 'node app.mjs --api-key abc123 --port 3', hidden: 'node app.mjs --api-key (hidden) --port 3' },
  { text: '--token=abc123', hidden: '--token=(hidden)' },
  { text: 'Authorization: Bearer abc.def-123', hidden: 'Authorization: Bearer (hidden)' },
  { text: '{"client_secret":"abc 123","a":1}', hidden: '{"client_secret":(hidden),"a":1}' },
  { text: 'http://me:pw1@proxy:80/', hidden: 'http://(hidden)@proxy:80/' },
])('$text becomes $hidden', ({ text, hidden }) => {
  expect(hideSecrets(text, [Object.entries({ DB_PASSWORD: 'hunter22', MORE_TOKEN: 'hunter22-and-more' })], '/ws')).toBe(hidden)
})

test.each([
  { what: 'a short value', env: { A_KEY: '1' }, text: 'port 1 of 1' },
  { what: 'a path of the workspace', env: { KEY_FILE: '/ws/keys' }, text: 'in /ws/keys/a.log' },
  { what: 'the value of a plain variable', env: { NAME: 'hunter22' }, text: 'hunter22' },
  { what: 'a time of day and an address', env: {}, text: '11:45:10 http://127.0.0.1:80/mcp tokens used: keyboard' },
])('$what is shown', ({ env, text }) => {
  expect(hideSecrets(text, [Object.entries(env)], '/ws')).toBe(text)
})
