import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Fault } from './fault.ts'

export const hostGuardrailsSet: Fault = {
  id: 'host-guardrails-set',
  incident: "The developer's machine enforced PIP_REQUIRE_VIRTUALENV and an npm shell of its own; inside the sandbox installation and tests failed for it.",
  filters: ['bootstrap.smoke'],
  outcome: {
    is: 'survived', proves: 'variables of the host that steer pip, npm and pm2 do not reach the sandbox',
    words: [/✓ structural tests/],
    check: (directory) => existsSync(join(directory, 'pm2')) ? "pm2 used the host's PM2_HOME" : undefined,
  },
  inject: ({ directory }) => Promise.resolve({
    PIP_REQUIRE_VIRTUALENV: '1', npm_config_script_shell: '/bin/false', PM2_HOME: join(directory, 'pm2'), SMOKE_TEST_SCOPE: 'structural',
  }),
}
