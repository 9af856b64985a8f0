import { badRequest } from '#machinery/status.ts'

/** Refuses names that no object can have and that could mean another path. */
export function checkName(name: string): void {
  const problem =
    name === '.' || name === '..'
      ? `may not be '${name}'`
      : name.includes('/')
        ? `may not contain '/'`
        : name.includes('%')
          ? `may not contain '%'`
          : undefined
  if (problem !== undefined) throw badRequest(`Name parameter invalid: ${JSON.stringify(name)}: ${problem}`)
}
