import { usualEviction, type EvictionSettings } from './eviction/thresholds.ts'
import type { ImageSettings } from './images/collectImages.ts'

/** What a node agent is told, under the names of v1.34's KubeletConfiguration; durations are milliseconds. */
export interface KubeletSettings extends EvictionSettings, ImageSettings {
  /** Whether hard thresholds that are not said are as usual, where some are said; false unless told. */
  readonly mergeDefaultEvictionSettings?: boolean
}

/** What is said, and what is usual where nothing is: v1.34's kubelet unless told. */
export function completeSettings(
  { mergeDefaultEvictionSettings = false, ...said }: KubeletSettings = {},
  usual: KubeletSettings = usualEviction,
): KubeletSettings {
  const evictionHard = mergeDefaultEvictionSettings
    ? { evictionHard: { ...usual.evictionHard, ...said.evictionHard } }
    : {}
  return { ...usual, ...said, ...evictionHard }
}
