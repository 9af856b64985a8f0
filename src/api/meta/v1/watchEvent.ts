import type { RawExtension } from '#api/scalars.ts'

export interface WatchEvent {
  type: WatchEventType
  object: RawExtension
}

export type WatchEventType = 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'
