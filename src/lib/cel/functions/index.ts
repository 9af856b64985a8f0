import type { Library } from '../declarations.ts'
import { aggregatesLibrary } from './aggregates.ts'
import { authorizerLibrary } from './authorizer.ts'
import { bindingsLibrary } from './bindings.ts'
import { cidrLibrary } from './cidr.ts'
import { encodersLibrary } from './encoders.ts'
import { findLibrary } from './find.ts'
import { formatLibrary } from './format.ts'
import { ipLibrary } from './ip.ts'
import { listsLibrary } from './lists.ts'
import { mathLibrary } from './math.ts'
import { optionalLibrary } from './optional.ts'
import { semverLibrary } from './semver.ts'
import { setsLibrary } from './sets.ts'
import { reverseLibrary, stringsLibrary } from './strings.ts'
import { twoVariablesLibrary } from './twoVariables.ts'
import { urlsLibrary } from './urls.ts'

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

/** Every library that expressions of Kubernetes may use, but for those that need its types (machinery/cel). */
export const kubernetesLibraries: readonly Library[] = [
  optionalLibrary,
  stringsLibrary,
  formatLibrary,
  setsLibrary,
  listsLibrary,
  twoVariablesLibrary,
  aggregatesLibrary,
  findLibrary,
  urlsLibrary,
  ipLibrary,
  cidrLibrary,
  semverLibrary,
  authorizerLibrary,
]
