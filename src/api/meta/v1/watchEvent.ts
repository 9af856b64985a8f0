// One message of a watch.
import type { RawExtension } from '#api/scalars.ts'

/** One change, as a watch sends it. */
export interface WatchEvent {
  /** What happened. */
  type: WatchEventType
  /** The object after the change, or as it last was; a Status when something went wrong. */
  object: RawExtension
}

/** What happened to an object, a mark of the revision reached, or the end of a watch. @unlisted */
export type WatchEventType = 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'
