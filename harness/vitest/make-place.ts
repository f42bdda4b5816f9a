import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { UsageError } from '../errors.ts'
import { bootId, identify } from '../processes/table.ts'
import { ledgerOf } from '../sandbox/dead-workspace.ts'
import { finishLedger, ownedProcesses, removeEmpty, removeWorkspace } from '../sandbox/finish.ts'
import { appendToLedger, readLedger, sandboxOf, type LedgerEntry } from '../sandbox/ledger.ts'
import { ownerOf, readMarker, updateMarker } from '../sandbox/marker.ts'
import { isSameProcess, thisOwner } from '../sandbox/owner.ts'
import { releasePort, reservePort, type PortOwner, type PortReservation } from '../sandbox/ports.ts'
import { renewLedger } from '../sandbox/renew-ledger.ts'
import { adoptWorkspace, createWorkspace, replaceContent, topmostToMake } from '../sandbox/workspace.ts'
import { workspacePaths, type WorkspacePaths } from '../sandbox/workspace-paths.ts'
import { numbers, type Plan } from './plan.ts'

export interface MadePlace {
  readonly paths: WorkspacePaths
  /** The topmost directory that was made for the workspace; undefined where it was there before. */
  readonly made: string | undefined
  readonly sandboxId: string
  readonly reservations: Readonly<Record<string, PortReservation>>
  readonly owner: PortOwner
  /** Processes of an earlier run are still there: it paused for a person. */
  readonly alive: boolean
}

interface Request {
  readonly results: string
  /** The workspace outlives the run, also one that ends badly. */
  readonly keep: boolean
  /** The directory of the port locks. */
  readonly temporary: string
}

/**
 * Reserves the ports and makes the workspace that was planned, or takes it over.
 * @throws UsageError when another run was faster; nothing is left of this one then
 */
export async function makePlace(plan: Plan, { results, keep, temporary }: Request): Promise<MadePlace> {
  const { root, run, suite, place, options } = plan
  const self = identify(process.pid)
  if (!self) throw new Error(`/proc/${process.pid} cannot be read; clone-smoke needs Linux with /proc`)
  const owner: PortOwner = { ...self, boot: bootId(), workspace: root }
  const earlier = place.kind === 'go on' || place.kind === 'again' ? place.reuse.marker : undefined
  const sandboxId = earlier?.sandbox ?? `${run}@${root}`
  if (place.kind === 'go on') adoptWorkspace(root, { run })
  // Only a run that paused has left its stack on purpose; all else that lives there is a dead run's.
  const alive = place.kind === 'go on' && place.reuse.alive && place.reuse.state?.paused !== undefined
  const toMake = toBeMade(plan)

  const reservations: Record<string, PortReservation> = {}
  let made: string | undefined
  try {
    if (earlier && !alive) await finishLedger(workspacePaths(root).ledger, { harness: true })
    const asked = numbers(options.ports)
    for (const name of suite.ports) {
      const fixed = place.kind === 'again' ? asked[name] ?? earlier?.ports[name] : earlier?.ports[name] ?? asked[name]
      const others = Object.entries(asked).flatMap(([other, port]) => other === name ? [] : [port])
      reservations[name] = await reservePort({
        owner, directory: temporary, asked: fixed, heldByUs: alive, exclude: [...Object.values(reservations).map(({ port }) => port), ...others],
      })
    }
    if (place.kind === 'go on') {
      putAside(root, place.reuse.marker.run)
    } else {
      if (place.kind !== 'new') await replaceContent(root)
      made = createUnlessTaken(root, { suite: suite.name, run, sandbox: sandboxId })
    }
    if (place.kind !== 'new') made ??= toMake
    const paths = workspacePaths(root)
    const entry: Extract<LedgerEntry, { kind: 'sandbox' }> = {
      kind: 'sandbox', id: sandboxId, workspace: root, results, boot: bootId(), keep, made, since: self.startTime,
    }
    if (place.kind === 'go on') renewLedger(paths.ledger, entry)
    else appendToLedger(paths.ledger, entry)
    for (const { lockFile } of Object.values(reservations)) appendToLedger(paths.ledger, { kind: 'path', path: lockFile, harness: true, withWorkspace: true })
    updateMarker(root, { kept: keep, ports: Object.fromEntries(Object.entries(reservations).map(([name, { port }]) => [name, port])) })
    return { paths, made, sandboxId, reservations, owner, alive: alive && ownedProcesses(readLedger(paths.ledger), { harness: false }).length > 0 }
  } catch (error) {
    // A workspace that was there keeps its ports, and stays whose it was.
    for (const reservation of earlier ? [] : Object.values(reservations)) releasePort(reservation, owner)
    // The workspace of a run that was faster is not ours.
    if (place.kind === 'new' && isOurs(root)) removeWorkspace({ workspace: root, made: toMake })
    else if (place.kind === 'new' && toMake !== undefined) removeEmpty(root, toMake)
    if (place.kind === 'go on') updateMarker(root, { owner: place.reuse.marker.owner, run: place.reuse.marker.run, kept: place.reuse.marker.kept })
    if (/^(ENOSPC|EDQUOT|EROFS|EACCES)$/.test((error as NodeJS.ErrnoException).code ?? '')) {
      throw new UsageError(`the workspace ${root} could not be made: ${error instanceof Error ? error.message : String(error)}`, 'free some space, or set SMOKE_WORKSPACE to another place')
    }
    throw error
  }
}

/** The topmost directory that a run makes, or an earlier one made, for its workspace: it goes with it. */
export function toBeMade({ root, place }: Plan): string | undefined {
  return topmostToMake(root) ?? (place.kind === 'new' ? undefined : sandboxOf(ledgerOf(root))?.made)
}

const isOurs = (root: string): boolean => isSameProcess(ownerOf(readMarker(root)), thisOwner())

function createUnlessTaken(root: string, about: Parameters<typeof createWorkspace>[1]): string | undefined {
  try {
    return createWorkspace(root, about).made
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    throw new UsageError(`another run made its workspace at ${root} in this moment`, 'choose another path')
  }
}

/** The evidence of an earlier run stays, in a folder of its own; what the new run writes begins afresh. */
function putAside(root: string, run: string): void {
  const paths = workspacePaths(root)
  const aside = join(root, 'earlier', run)
  mkdirSync(aside, { recursive: true, mode: 0o700 })
  rmSync(paths.stop, { force: true })
  for (const [from, name] of [[paths.progress, 'progress.ndjson'], [paths.transcripts, 'transcripts'], [paths.logs, 'logs']] as const) {
    if (existsSync(from)) renameSync(from, join(aside, name))
  }
  for (const dir of [paths.transcripts, paths.logs, paths.home, paths.temporary, paths.agentHome]) mkdirSync(dir, { recursive: true, mode: 0o700 })
}
