import { removerGroup } from '#machinery/localVolumes.ts'
import type { OwnRole } from './policy.ts'
import { core, events, on, read } from './rules.ts'
import { group } from './subjects.ts'

/** What the parts of nodes that remove directories of volumes may do; of which volumes, admission says. */
export const nodeVolumesRole: OwnRole = {
  name: removerGroup,
  rules: [on(core, 'persistentvolumes', read), on(core, 'persistentvolumes/status', 'patch'), events],
  subjects: [group(removerGroup)],
}
