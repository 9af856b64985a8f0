import type { KubeObject } from '#api/resource.ts'
import type { Report } from '#machinery/validate/report.ts'
import type { Column } from '#server/strategy.ts'

// What volumes and claims share.

const accessModes: readonly string[] = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod']
const abbreviations: Readonly<Record<string, string>> = {
  ReadWriteOnce: 'RWO',
  ReadOnlyMany: 'ROX',
  ReadWriteMany: 'RWX',
  ReadWriteOncePod: 'RWOP',
}

/** The attributes that a volume has, or that a claim asks for. */
export const attributesClassColumn: Column<KubeObject & { spec: { volumeAttributesClassName?: string } }> = {
  name: 'VolumeAttributesClass',
  description: 'Class of attributes of the volume.',
  value: ({ spec }) => spec.volumeAttributesClassName ?? '<unset>',
}

/** `RWO,ROX`: each mode once, in a fixed order. */
export function accessModesText(modes: readonly string[] | undefined): string {
  const given = new Set(modes)
  return Object.entries(abbreviations)
    .filter(([mode]) => given.has(mode))
    .map(([, abbreviation]) => abbreviation)
    .join(',')
}

/** Known modes; the one for a single pod goes with no other. */
export function checkAccessModes(modes: readonly string[], report: Report): void {
  for (const mode of modes) if (!accessModes.includes(mode)) report.notSupported(mode, accessModes)
  const known = modes.filter((mode) => accessModes.includes(mode))
  if (known.includes('ReadWriteOncePod') && known.some((mode) => mode !== 'ReadWriteOncePod')) {
    report.forbidden('may not use ReadWriteOncePod with other access modes')
  }
}

export function checkVolumeMode(mode: string | undefined, report: Report): void {
  if (mode !== undefined && mode !== 'Block' && mode !== 'Filesystem')
    report.notSupported(mode, ['Block', 'Filesystem'])
}

/** A path that stays below where it starts. */
export function checkNoBacksteps(path: string, report: Report): void {
  if (path.split('/').includes('..')) report.invalid(path, "must not contain '..'")
}

/** A path that starts at its volume and does not leave it. */
export function checkRelativePath(path: string, report: Report): void {
  if (path.startsWith('/')) report.invalid(path, 'must be a relative path')
  if (path.split('/').includes('..')) report.invalid(path, "must not contain '..'")
}
