import type { Library } from '../declarations.ts'
import { bindingsLibrary } from './bindings.ts'
import { encodersLibrary } from './encoders.ts'
import { formatLibrary } from './format.ts'
import { listsLibrary } from './lists.ts'
import { mathLibrary } from './math.ts'
import { optionalLibrary } from './optional.ts'
import { setsLibrary } from './sets.ts'
import { reverseLibrary, stringsLibrary } from './strings.ts'
import { twoVariablesLibrary } from './twoVariables.ts'

/** Every library of the language's own extensions. */
export const extensionLibraries: readonly Library[] = [
  optionalLibrary,
  stringsLibrary,
  reverseLibrary,
  formatLibrary,
  setsLibrary,
  listsLibrary,
  twoVariablesLibrary,
  mathLibrary,
  encodersLibrary,
  bindingsLibrary,
]
