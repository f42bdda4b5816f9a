import { readFileSync } from 'node:fs'
import { sep } from 'node:path'

/** Every mount point of this process's view, bind mounts too. Source: proc(5), /proc/pid/mountinfo, field 5. */
export function mountPoints(): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8').split('\n').flatMap((line) => {
    const field = line.split(' ')[4]
    // Blanks, tabs, line ends and backslashes are written as three octal digits, of bytes.
    return field === undefined ? [] : [field.replaceAll(/\\([0-7]{3})/g, (_whole, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))]
  })
}

/** Mount points at `path` or below it: to remove them would be to remove what is somewhere else. */
export function mountsWithin(path: string): string[] {
  return mountPoints().filter((point) => point === path || point.startsWith(path === sep ? sep : path + sep))
}
