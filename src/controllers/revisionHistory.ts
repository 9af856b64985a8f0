// Past templates of StatefulSets and DaemonSets, in the form that `kubectl rollout history` and `undo` read.
import { controllerRevisions, type ControllerRevision } from '#api/apps/v1/controllerRevision.ts'
import type { PodTemplateSpec } from '#api/core/v1/podTemplate.ts'
import type { LabelSelector } from '#api/meta/v1/labelSelector.ts'
import type { KubeObject, Resource } from '#api/resource.ts'
import type { RawExtension } from '#api/scalars.ts'
import type { Client, Draft, ObjectName } from '#client/client.ts'
import type { Informer } from '#client/informer.ts'
import { unlessGone } from '#client/unlessGone.ts'
import { controllerReference } from '#machinery/owners.ts'
import { canonicalJson } from '#machinery/podTemplateHash.ts'
import { isReason } from '#machinery/status.ts'
import { applyClaims, byController, orphans, planClaims } from './claims.ts'

/** The label that tells pods of one revision from those of another, and the revisions of DaemonSets. */
export const revisionLabel = 'controller-revision-hash'

/** What a revision keeps: a strategic merge patch that brings the template back. Its keys are sorted, as clients compare text. */
export function revisionData(template: PodTemplateSpec): RawExtension {
  const data = { spec: { template: { ...template, $patch: 'replace' } } }
  return JSON.parse(canonicalJson(data)) as RawExtension
}

/** The template that a revision keeps. Throws for a revision that nobody could have written for this purpose. */
export function templateOf(revision: ControllerRevision): PodTemplateSpec {
  const { spec } = (revision.data ?? {}) as { spec?: { template?: PodTemplateSpec & { $patch?: unknown } } }
  const { $patch: _patch, ...template } = spec?.template ?? {}
  if ((template as Partial<PodTemplateSpec>).spec === undefined) {
    throw new Error(`Cannot read revision "${revision.metadata.name}": its data has no spec.template.spec`)
  }
  return template as PodTemplateSpec
}

/** Where the present template stands among the revisions. */
export interface HistoryPlan {
  /** The revision that keeps it; the one with the highest number if several do. */
  readonly present?: ControllerRevision
  /** The number that it is to have: that of a rollback is a new one. */
  readonly number: number
  /** Further revisions that keep it. */
  readonly duplicates: readonly ControllerRevision[]
  /** Those that keep others, oldest first. */
  readonly past: readonly ControllerRevision[]
}

/** Finds the revision of a template, and its number. */
export function planHistory(template: PodTemplateSpec, revisions: readonly ControllerRevision[]): HistoryPlan {
  const sorted = revisions.toSorted(compareRevisions)
  const wanted = canonicalJson(revisionData(template))
  const equal = sorted.filter(({ data }) => canonicalJson(data) === wanted)
  const past = sorted.filter((revision) => !equal.includes(revision))
  const present = equal.at(-1)
  const next = (past.at(-1)?.revision ?? 0) + 1
  return {
    ...(present === undefined ? {} : { present }),
    number: Math.max(present?.revision ?? 0, next),
    duplicates: equal.slice(0, -1),
    past,
  }
}

function compareRevisions(a: ControllerRevision, b: ControllerRevision): number {
  const created = ({ metadata }: ControllerRevision): string => metadata.creationTimestamp ?? ''
  if (a.revision !== b.revision) return a.revision - b.revision
  if (created(a) !== created(b)) return created(a) < created(b) ? -1 : 1
  return a.metadata.name < b.metadata.name ? -1 : 1
}

interface RevisionOwner extends KubeObject {
  readonly spec: { readonly selector: LabelSelector; readonly template: PodTemplateSpec }
}

type RevisionDraft = Draft<ControllerRevision> & { readonly metadata: ObjectName }

/** A revision of an owner's present template, called `<owner>-<hash>` and no longer than a name may be. */
function draftRevision<O extends RevisionOwner>(
  { resource, object }: { readonly resource: Resource<O>; readonly object: O },
  number: number,
  hash: string,
  labels: Record<string, string>,
): RevisionDraft {
  const { name, namespace, annotations } = object.metadata
  const { template } = object.spec
  return {
    metadata: {
      name: `${name.slice(0, 223)}-${hash}`,
      ...(namespace === undefined ? {} : { namespace }),
      labels: { ...template.metadata?.labels, ...labels },
      ...(annotations === undefined ? {} : { annotations }),
      ownerReferences: [controllerReference(object, resource)],
    },
    data: revisionData(template),
    revision: number,
  }
}

/** How one kind of owners calls its revisions: what follows the owner's name, and labels beside those of the template. */
export type NameRevision = (collisions: number) => { readonly hash: string; readonly labels: Record<string, string> }

/** The revisions of an owner, that of its present template among them. */
export interface WrittenHistory {
  readonly plan: HistoryPlan
  /** All, as they were before. */
  readonly revisions: readonly ControllerRevision[]
  readonly present: ControllerRevision
  /** How many names were taken by others. */
  readonly collisions: number
}

/**
 * Claims the revisions of an owner and brings that of its present template about. Undefined where there is none and the owner
 * is being deleted: what goes with it is not made again.
 */
export async function writeHistory<O extends RevisionOwner>(
  client: Client,
  copies: Informer<ControllerRevision>,
  owner: { readonly resource: Resource<O>; readonly object: O },
  before: number,
  nameOf: NameRevision,
  signal: AbortSignal,
): Promise<WrittenHistory | undefined> {
  const { metadata, spec } = owner.object
  const revisions = await claimRevisions(client, copies, owner, signal)
  const plan = planHistory(spec.template, revisions)
  if (metadata.deletionTimestamp !== undefined && plan.present?.revision !== plan.number) return undefined
  const draftOf = (count: number): RevisionDraft => {
    const { hash, labels } = nameOf(count)
    return draftRevision(owner, plan.number, hash, labels)
  }
  const { revision, collisions } = await writePresent(client, plan, before, draftOf, signal)
  return { plan, revisions, present: revision, collisions }
}

/**
 * The past revisions beyond a limit, the oldest first; those in use stay. `counts` says which of them the limit is for: all, or
 * those alone that are of no use. A negative limit keeps all.
 */
export function planSurplus(
  past: readonly ControllerRevision[],
  isInUse: (revision: ControllerRevision) => boolean,
  { limit = 10, counts }: { readonly limit: number | undefined; readonly counts: 'all' | 'unused' },
): readonly ControllerRevision[] {
  const unused = past.filter((revision) => !isInUse(revision))
  const counted = counts === 'all' ? past : unused
  return limit < 0 ? [] : unused.slice(0, Math.max(0, counted.length - limit))
}

/** The revisions of an owner: takes those without an owner that it selects, and lets go of those that it does not. */
async function claimRevisions<O extends RevisionOwner>(
  client: Client,
  copies: Informer<ControllerRevision>,
  owner: { readonly resource: Resource<O>; readonly object: O },
  signal: AbortSignal,
): Promise<readonly ControllerRevision[]> {
  const { metadata, spec } = owner.object
  const candidates = [metadata.uid ?? '', orphans(metadata.namespace)].flatMap((value) =>
    copies.groups(byController, value),
  )
  const claims = planClaims(owner.object, spec.selector, candidates)
  return (await applyClaims(client, controllerRevisions, owner, claims, signal)).flat()
}

/**
 * Brings the revision of the present template about: as it is, with a new number, or new. `draftOf` makes a new one for so
 * many collisions of names; how many there were comes back with it.
 */
export async function writePresent(
  client: Client,
  plan: HistoryPlan,
  collisions: number,
  draftOf: (collisions: number) => RevisionDraft,
  signal: AbortSignal,
): Promise<{ readonly revision: ControllerRevision; readonly collisions: number }> {
  const { present, number } = plan
  if (present?.revision === number) return { revision: present, collisions }
  if (present !== undefined) {
    // The version makes the patch fail for a copy that is too old to number by.
    const body = { metadata: { resourceVersion: present.metadata.resourceVersion }, revision: number }
    const revision = await client.patch(controllerRevisions, present.metadata, { type: 'merge', body }, { signal })
    return { revision, collisions }
  }
  for (let count = collisions; ; count++) {
    const draft = draftOf(count)
    try {
      return { revision: await client.create(controllerRevisions, draft, { signal }), collisions: count }
    } catch (error) {
      if (!isReason(error, 'AlreadyExists')) throw error
      const there = await client.get(controllerRevisions, draft.metadata, { signal })
      if (canonicalJson(there.data) === canonicalJson(draft.data)) return { revision: there, collisions: count }
    }
  }
}

/** Deletes revisions, those that are gone already too. */
export async function deleteRevisions(
  client: Client,
  revisions: readonly ControllerRevision[],
  signal: AbortSignal,
): Promise<void> {
  for (const { metadata } of revisions) {
    const { uid } = metadata
    const preconditions = uid === undefined ? {} : { preconditions: { uid } }
    await unlessGone(client.delete(controllerRevisions, metadata, { ...preconditions, signal }))
  }
}
