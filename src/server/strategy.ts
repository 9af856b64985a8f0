import type { KubeObject, Resource } from '#api/resource.ts'
import type { Random } from '#lib/random.ts'
import type { Report } from '#machinery/validate/report.ts'
import type { ClusterView } from './admission/chain.ts'

/** Who sends a request, as authentication found it. */
export interface Caller {
  readonly name: string
  readonly uid?: string
  readonly groups: readonly string[]
  readonly extra?: Readonly<Record<string, readonly string[]>>
}

/** What a strategy may ask of its surroundings while it prepares an object. */
export interface ServingContext {
  readonly caller: Caller
  /** Milliseconds since the epoch. */
  readonly now: number
  readonly random: Random
  /** True when nothing will be written: allocate nothing that outlives the request. */
  readonly dryRun: boolean
}

/**
 * Everything special about serving one kind. The verbs themselves exist once, in registry.ts.
 *
 * A write passes: decode, schema defaults, `default`, mutating admission, `prepare`, schema rules, `validate`, validating
 * admission, commit.
 * `default` and `prepare` edit a private, unfrozen copy; `old` is always frozen.
 */
export interface Strategy<T extends KubeObject = KubeObject> {
  readonly resource: Resource<T>
  /** Other versions, or kinds of other groups, in which the same stored objects are served. */
  readonly versions?: readonly OtherVersion<T, any>[]
  readonly columns?: readonly Column<T>[]
  /** Where its objects come from, when nobody writes them: they are made when they are asked for, and stored nowhere. */
  readonly computed?: ComputedObjects<T>
  /** The verbs of the kind; all when absent. Kinds that are only asked (reviews) have `create`. */
  readonly verbs?: readonly ('get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete' | 'deletecollection')[]
  /** Rule of `metadata.name`, or what tells what is wrong with one; DNS subdomain when absent. */
  readonly nameRule?:
    | 'dns-subdomain'
    | 'dns-label'
    | 'dns-1035-label'
    | 'path-segment'
    | ((name: string) => readonly string[])
  /** The group by which refusals name the kind where it is another: upstream keeps the one in which a kind began. */
  readonly refusalGroup?: string
  /**
   * Paths that only subresources may change, such as `status`. A create drops them, an update through the main
   * resource keeps the stored value. They also keep server-side apply from owning them.
   */
  readonly reserved?: readonly string[]
  /** A create keeps what is reserved all the same: nodes register with their status. */
  readonly createsReserved?: true
  readonly subresources?: Readonly<Record<string, Subresource<T>>>
  /** Fields that `fieldSelector` may name beside `metadata.name` and `metadata.namespace`. */
  readonly selectableFields?: Readonly<Record<string, (object: T) => string>>
  /** An update of what is not there creates it. */
  readonly createOnUpdate?: boolean
  /** An update without `metadata.resourceVersion` is taken as one of the newest revision. False where absent: refused. */
  readonly unconditionalUpdate?: boolean
  /** Objects vanish by themselves after this long (events: 3600). */
  readonly ttlSeconds?: number
  /**
   * How `metadata.generation` goes: where absent it begins with 1 and rises with each change outside `metadata` and
   * `status`; `fixed` stays 1; `false`: the kind has none.
   */
  readonly generation?: 'fixed' | false
  /** Defaults that depend on other fields. Plain ones are `@default` tags. */
  default?(object: T): void
  /** Normalises what the caller may not decide, and clears what a disabled feature would hold. */
  prepare?(object: T, old: T | undefined, context: ServingContext): void
  /**
   * Reserves what must be unique beside the object itself (cluster addresses, node ports), before the commit.
   * `commit` is called after the object was written, `release` when it was not.
   */
  allocate?(object: T, old: T | undefined, context: ServingContext, report: Report): Allocation | undefined
  /** Marks as in use what a stored object reserved in an earlier life of the server; called for each before serving. */
  adopt?(object: T): void
  /** Gives back what `allocate` reserved, after the object is gone. */
  released?(object: T): void
  /** Users say what its objects hold, and how many parts: their size is checked before anything that takes long. */
  readonly isOpen?: true
  /** Does beforehand, in many turns of the event loop, what `validate` would take too long for: little text can ask for much. */
  readyRules?(object: T, old: T | undefined): Promise<void>
  /** Rules across fields. Shape, required, enums, ranges, immutability come from the schema. */
  validate?(object: T, old: T | undefined, report: Report): void
  /** Said with each answer about this kind, reads included: that people should use another one. */
  readonly deprecation?: string
  /** What people should know of a write of the object itself. */
  warnings?(object: T, old: T | undefined): readonly string[]
  /** Seconds to wait before removal; undefined removes at once. */
  gracePeriod?(object: T, requested: number | undefined): number | undefined
  /** Finalizers need no domain. */
  readonly plainFinalizers?: true
  /**
   * Gives an object other members when its deletion begins but something still holds it (a namespace becomes `Terminating`).
   * Only its metadata is a copy: all else is replaced, never edited.
   */
  terminating?(object: T, now: number): void
  /** Whether something beside `metadata.finalizers` still holds an object that is being deleted (a namespace's `spec.finalizers`). */
  holds?(object: T): boolean
  /** A deletion that says nothing of what the object owns leaves that alone, and the answer warns of it. */
  readonly orphans?: { readonly warning: string }
  /** A deletion that is done at once answers with the object instead of a Status. */
  readonly answersDeleted?: boolean
}

/** Objects that say something of others. They can be read and listed; labels and fields select them as they do others. */
export interface ComputedObjects<T extends KubeObject = KubeObject> {
  /** Throws a NotFound when there is none. */
  get(cluster: Pick<ClusterView, 'get'>, namespace: string, name: string): T | Promise<T>
  /**
   * Those of a namespace, or of all, in the order of their names. What a selector of labels leaves out need not be made:
   * `mayBeWanted` tells it of labels.
   */
  list(
    cluster: Pick<ClusterView, 'list'>,
    namespace: string,
    mayBeWanted: (labels: Readonly<Record<string, string>> | undefined) => boolean,
  ): readonly T[] | Promise<readonly T[]>
}

/** What two versions of a kind say in their own ways: all but the names. Metadata that is left out stays as it is. */
export type ContentOf<T extends KubeObject> = Omit<T, keyof KubeObject> & Partial<Pick<T, 'metadata'>>

/**
 * A version in which objects of `T` are served, but not stored. Verbs, subresources, columns and rules are those of the
 * stored kind; an object of this version is decoded and gets its defaults by its own schema, and then goes `up`.
 */
export interface OtherVersion<T extends KubeObject, Other extends KubeObject = T> {
  readonly resource: Resource<Other>
  /** The stored form of an object of this version. Pure. Absent: both have the same fields. */
  up?(object: Other): ContentOf<T>
  /** This version's form of a stored object; `up` makes of it the same stored object again. Pure. */
  down?(stored: T): ContentOf<Other>
  /** Defaults of this version that depend on other fields, before `up`. */
  default?(object: Other): void
  /** Fields that selectors of this version name otherwise, read from the stored form. */
  readonly selectableFields?: Strategy<T>['selectableFields']
  /** Said with each answer in this version: that people should use another one. */
  readonly deprecation?: string
}

/** Something reserved for an object that is about to be written. */
export interface Allocation {
  commit(): void
  release(): void
}

/** A part of a kind with a path, rules and permissions of its own. */
export interface Subresource<T extends KubeObject = KubeObject> {
  readonly verbs: readonly ('get' | 'create' | 'update' | 'patch' | 'connect')[]
  /** Paths of the parent this subresource may change; everything else keeps its stored value. Absent: served elsewhere. */
  readonly writes?: readonly string[]
  /**
   * Whatever `writes` does not name, which are whole members and metadata, stays the very part that is stored: frozen, it
   * gets no defaults and is not prepared once more. For kinds of which `default` and `prepare` are about the spec alone.
   */
  readonly sharesRest?: true
  /** The kind that travels when it is not the parent's own (`Scale`, `Binding`, `Eviction`, `TokenRequest`). */
  readonly body?: { readonly group: string; readonly version: string; readonly kind: string }
  /** Reads the travelling body from the parent (`scale`). */
  read?(object: T): KubeObject
  /** Writes the travelling body into an unfrozen copy of the parent (`scale`, `binding`). */
  write?(object: T, body: KubeObject, context: ServingContext): void
  prepare?(object: T, old: T, context: ServingContext): void
  validate?(object: T, old: T, report: Report, context: ServingContext): void
  /** What people should know of a write of this part. */
  warnings?(object: T): readonly string[]
}

/** Whether nothing but the metadata itself depends on it, so that a patch of metadata alone keeps the rest as it is stored. */
export function mayKeepRest({ subresources }: Strategy): boolean {
  return subresources?.['status']?.sharesRest === true
}

/** One column of `kubectl get`. */
export interface Column<T = KubeObject> {
  readonly name: string
  readonly type?: 'string' | 'integer' | 'date' | 'boolean' | 'number'
  /** `name` for the name column. */
  readonly format?: string
  /** Shown only with `-o wide` (priority 1). */
  readonly wide?: boolean
  /** Where `wide` does not say enough: 0 for columns that are always shown. */
  readonly priority?: number
  readonly description: string
  /** The cell; undefined prints as an empty cell. `now` is in milliseconds since the epoch. */
  value(object: T, now: number): string | number | boolean | null | undefined
}
