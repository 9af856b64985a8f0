import { mastersGroup } from '../authorize/mastersGroup.ts'
import type { WriteOptions } from './context.ts'

/** The server itself, as the author of what it writes. */
export const serverWrites: WriteOptions = {
  caller: { name: 'system:apiserver', groups: [mastersGroup] },
  dryRun: false,
  manager: 'kube-apiserver',
  warn: () => {},
  annotate: () => {},
}
