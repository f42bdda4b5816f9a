import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { planText, type PlanRecord } from '../vitest/plan-text.ts'
import type { Surroundings } from './main.ts'
import { readInvocation } from './project.ts'
import { filters, runVitest } from './run.ts'

/** `clone-smoke plan [lane ...] [options] [--json]`: what a run would do, by the code that a run begins with. Nothing is made. */
export async function plan(args: readonly string[], around: Surroundings): Promise<number> {
  const json = args.includes('--json')
  const invocation = await readInvocation(args.filter((argument) => argument !== '--json'), around)
  const vitestArguments = ['run', ...await filters(invocation.rest, invocation.lanes)]
  const directory = mkdtempSync(join(tmpdir(), 'clone-smoke-plan-'))
  try {
    const file = join(directory, 'plan.json')
    const code = await runVitest({ ...invocation, env: { ...invocation.env, SMOKE_PLAN_FILE: file } }, vitestArguments, 'ignore')
    if (!existsSync(file)) return code === 0 ? 1 : code
    const text = readFileSync(file, 'utf8')
    around.stdout.write(json ? text : `${planText(JSON.parse(text) as PlanRecord)}\n`)
    return 0
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
