// Classes of volume attributes in the shape of v1.
import { resource } from '#api/resource.ts'
import { volumeAttributesClasses as stable, type VolumeAttributesClass } from '../v1/volumeAttributesClass.ts'

export type { VolumeAttributesClass, VolumeAttributesClassList } from '../v1/volumeAttributesClass.ts'

/** The kind VolumeAttributesClass in v1alpha1. */
export const volumeAttributesClasses = resource<VolumeAttributesClass>({ ...stable, version: 'v1alpha1' })
