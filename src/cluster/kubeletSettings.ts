import { evictionProblems } from '#kubelet/eviction/thresholds.ts'
import type { KubeletSettings } from '#kubelet/settings.ts'
import { duration, members, textsByName, wholeNumber, yesOrNo } from '#lib/settings/settings.ts'

const percents = { least: 0, most: 100 }
const never = 100
const usualLow = 80

/** What the agents of a cluster's nodes are told, under the names of v1.34's KubeletConfiguration. */
export const kubeletSettings = members(
  'How the agents of nodes do, in the words of a KubeletConfiguration.',
  {
    evictionHard: textsByName({ about: 'What must be left, by signal: else pods leave at once.' }),
    evictionSoft: textsByName({ about: 'What must be left, by signal: else pods leave after the grace period.' }),
    evictionSoftGracePeriod: textsByName({ about: 'How long soft thresholds may be met, by signal.' }),
    evictionMinimumReclaim: textsByName({ about: 'How much more than a threshold must be reclaimed, by signal.' }),
    mergeDefaultEvictionSettings: yesOrNo({ about: 'Whether hard thresholds that are not said are as usual.' }),
    evictionPressureTransitionPeriod: duration({ about: 'How long a node stays short of something.', least: 1_000 }),
    evictionMaxPodGracePeriod: wholeNumber({
      about: 'Seconds that pods get at most when a soft threshold is met.',
      least: 0,
      most: 24 * 3_600,
    }),
    imageGCHighThresholdPercent: wholeNumber({
      about: 'From so much of the disk of images on, images that nobody uses are removed; 100: never.',
      ...percents,
    }),
    imageGCLowThresholdPercent: wholeNumber({ about: 'They are removed until so much of it is used.', ...percents }),
    imageMinimumGCAge: duration({ about: 'How long an image stays in any case.' }),
  },
  (values, place) => {
    const { imageGCHighThresholdPercent: high = never, imageGCLowThresholdPercent: low = usualLow } = values
    if (high <= low) {
      place
        .at('imageGCHighThresholdPercent')
        .wrong(high, `it must be more than imageGCLowThresholdPercent, which is ${low}`)
    }
    for (const { path, text } of evictionProblems(values as KubeletSettings)) {
      path.reduce((at, step) => at.at(step), place).note(text)
    }
  },
)

/** The disks of a cluster's nodes are those of its user (docs/decisions/node-pressure.md): only memory counts unless told. */
export const usualNodeSettings: KubeletSettings = {
  evictionHard: { 'memory.available': '100Mi' },
  imageGCHighThresholdPercent: never,
}
