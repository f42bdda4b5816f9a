import { join } from 'node:path'
import { versionOnPath } from '../../helpers/programs.ts'
import { expectedFindings } from './expected.ts'
import { bootstrap } from './lanes/bootstrap.ts'
import { resumeBuilt } from './lanes/resume.ts'
import { cdc, daemon, hooks, httpApi, orchestrators, prClaim, projects, reaper, scmFailures, scmObserver, send, spawn, verifyClean } from './lanes.ts'
import { checkOptions, options } from './options.ts'
import { daemonPorts, suite } from './states.ts'

export default suite({
  name: 'agent-orchestrator',
  prerequisites: [
    { name: 'git', find: (env) => versionOnPath('git', 'install git, e.g. apt-get install git', env) },
    { name: 'tmux', find: (env) => versionOnPath('tmux', 'install tmux, e.g. apt-get install tmux', env, ['-V']) },
    { name: 'go', unless: 'aoBin', find: (env) => versionOnPath('go', 'install Go, e.g. from https://go.dev/dl, or name a program of AO: SMOKE_AO_BIN=<file>', env, ['version']) },
  ],
  sources: { ao: { kind: 'asked', what: 'a repository of AO (or its program: SMOKE_AO_BIN=<file>)', unless: 'aoBin' } },
  ports: daemonPorts,
  environment: (_paths, _ports, host) => Object.fromEntries(['GOPROXY', 'GOSUMDB', 'GOFLAGS', 'GONOSUMDB', 'GOPRIVATE', 'GOTOOLCHAIN'].flatMap((name) => host[name] === undefined ? [] : [[name, host[name]]])),
  agent: {},
  resume: { built: resumeBuilt },
  // What only a daemon without its isolation would make.
  hostPaths: (home) => [join(home, '.config/agent-orchestrator/running.json'), join(home, '.ao/running.json'), join(home, '.agent-orchestrator')],
  options,
  checkOptions,
  expectedFindings: (facts) => expectedFindings(facts),
  lanes: [bootstrap, daemon, projects, spawn, orchestrators, send, scmObserver, scmFailures, hooks, prClaim, reaper, cdc, httpApi, verifyClean],
  invariants: [],
})
