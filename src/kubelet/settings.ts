import { usualEviction, type EvictionSettings } from './eviction/thresholds.ts'
import type { ImageSettings } from './images/collectImages.ts'

/** What a node agent is told, under the names of v1.34's KubeletConfiguration; durations are milliseconds. */
export interface KubeletSettings extends EvictionSettings, ImageSettings {}

/** What v1.34's kubelet does where nothing is said. */
export const usualSettings: KubeletSettings = usualEviction
