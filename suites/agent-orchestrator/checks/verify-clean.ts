import { existsSync, readdirSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { readProcesses, hasInEnvironment, commandOf } from '../../../harness/processes/table.ts'
import { fail } from '../../../harness/verdict.ts'
import { waitFor } from '../../../helpers/wait-for.ts'
import { showCli } from '../exam.ts'
import { aoCheck, type AoChecks } from '../lanes/checks-lane.ts'

export const cleanChecks: AoChecks = {
  '12 the runbook\'s teardown leaves nothing': aoCheck(60, async (exam, world) => {
    const { path } = await world.project(exam)
    const ids = [await world.session(exam, { harness: 'codex' }), await world.session(exam, { harness: 'kimi' })]
    for (const id of ids) await exam.ao(['session', 'kill', id])
    await exam.ao(['session', 'cleanup', '--yes'])
    const removed = await exam.ao(['project', 'rm', 'ws', '--yes'])
    exam.expect(removed.exitCode === 0, 'rm', 'the project can be removed', showCli(removed))
    exam.expect((await world.daemon.terminals.list()).length === 0, 'terminals', 'no terminal session is left', (await world.daemon.terminals.list()).join(', '))
    const worktrees = (await world.git(path, 'worktree', 'list')).split('\n').filter((line) => line !== '')
    exam.expect(worktrees.length === 1, 'worktrees', 'the repository has no worktree of AO any more', worktrees.join('; '), 'high', 'git -C ws worktree list')
    const status = await world.git(path, 'status', '--porcelain')
    exam.expect(status === '', 'repository', 'the repository itself is as it was', status)
    const head = (await world.git(path, 'rev-parse', '--abbrev-ref', 'HEAD')).trim()
    exam.expect(head === 'main', 'head', 'it is on the branch it was on', head)
    const answer = await exam.ao(['stop', '--json'])
    exam.expect(answer.exitCode === 0, 'stop', 'stop succeeds', showCli(answer))
    const living = (): string[] => readProcesses().filter(({ pid, zombie }) => !zombie && pid !== process.pid && hasInEnvironment(pid, 'AO_DATA_DIR', world.daemon.data)).map(({ pid }) => `${pid} ${commandOf(pid).slice(0, 80)}`)
    await waitFor(() => living().length === 0 ? true : undefined, { deadlineMs: 8000, otherwise: () => new Error('alive') }).catch(() => undefined)
    exam.expect(living().length === 0, 'processes', 'no process of it lives', living().join('; '))
    exam.expect(!existsSync(world.daemon.runFile), 'run-file', 'the run file is gone', 'it is there')
    const layouts = readdirSync(join(world.daemon.root, 'tmp')).filter((name) => name.startsWith('ao-'))
    exam.expect(layouts.length === 0, 'temporary', 'no temporary file is left', layouts.join(', '), 'low')
    await world.daemon.start()
  }),
  '12 what it keeps is below the directories that it was given': aoCheck(20, (exam) => {
    const told = exam.daemon.socketDirectories.at(-1)
    if (told === undefined) throw fail('check-failed', 'no zellij was started')
    exam.expect(told === '' || relative(exam.daemon.root, told).split(sep)[0] !== '..', 'socket-directory', 'the terminals of a daemon are where its other things are: two daemons of a user do not meet', `zellij was started with ZELLIJ_SOCKET_DIR=${told}`, 'unclear', 'ao stop; rmdir /tmp/ao-zellij-$(id -u); ao start; ls -d /tmp/ao-zellij-$(id -u)')
    return Promise.resolve()
  }, ({ can }) => can.terminal === 'tmux' ? 'it leaves to tmux where that keeps its sessions' : undefined),
}
