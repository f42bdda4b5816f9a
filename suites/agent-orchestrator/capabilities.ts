import { z } from 'zod'

/** What a version of AO offers, read from itself; checks and expectations ask this, never a commit's name. */
export const capabilities = z.object({
  /** What its doctor looks for. */
  terminal: z.enum(['zellij', 'tmux']),
  /** `GET /api/v1/projects`, from its own OpenAPI text. */
  routes: z.array(z.string()),
  /** Highest migration of the database; 0 where it keeps none, or could not be read. */
  schema: z.number(),
  /** Its cleanup tells which sessions it skipped; since then its own files do not make worktrees dirty. */
  tellsSkipped: z.boolean().optional(),
})
export type Capabilities = z.infer<typeof capabilities>

/** Routes of an OpenAPI text in YAML, `VERB path`, with every parameter written `{}`. */
export function routesIn(yaml: string): string[] {
  const routes: string[] = []
  let path: string | undefined
  for (const line of yaml.slice(yaml.indexOf('\npaths:')).split('\n').slice(2)) {
    if (/^\S/.test(line)) break
    path = /^ {2,4}["']?(\/[^"':]*)["']?:\s*$/.exec(line)?.[1] ?? path
    const verb = /^ {4,8}(get|put|post|delete|patch|head|options):/.exec(line)?.[1]
    if (verb !== undefined && path !== undefined) routes.push(`${verb.toUpperCase()} ${path.replaceAll(/\{[^}]*\}/g, '{}')}`)
  }
  return routes
}
