import type { Container } from '#api/core/v1/container.ts'
import type { LabelSelector } from '#api/meta/v1/labelSelector.ts'
import type { KubeObject } from '#api/resource.ts'
import { ageOf } from '#machinery/humanDuration.ts'
import { formatLabelSelector, requirementsOf } from '#machinery/labelSelector.ts'
import type { Column } from '#server/strategy.ts'

/** The first column of every table. */
export const nameColumn: Column = {
  name: 'Name',
  format: 'name',
  description: 'Name of the object; unique in its namespace and fixed when the object is created.',
  value: (object) => object.metadata.name,
}

export const ageColumn: Column = {
  name: 'Age',
  description: 'Time since the object was created.',
  value: (object, now) => ageOf(object.metadata.creationTimestamp, now),
}

/** The wide columns of everything that runs a pod template. */
export function containerColumns<T extends KubeObject>(
  containersOf: (object: T) => readonly Container[] | undefined,
): readonly Column<T>[] {
  const joined = (object: T, part: (container: Container) => string): string =>
    (containersOf(object) ?? []).map(part).join(',')
  return [
    {
      name: 'Containers',
      wide: true,
      description: 'Names of the containers of the template.',
      value: (object) => joined(object, ({ name }) => name),
    },
    {
      name: 'Images',
      wide: true,
      description: 'Images of the containers of the template.',
      value: (object) => joined(object, ({ image = '' }) => image),
    },
  ]
}

export function selectorColumn<T extends KubeObject>(selectorOf: (object: T) => LabelSelector | undefined): Column<T> {
  return {
    name: 'Selector',
    wide: true,
    description: 'Labels of the pods that belong to the object.',
    value: (object) => {
      const selector = selectorOf(object)
      return (selector && formatLabelSelector(requirementsOf(selector))) || '<none>'
    },
  }
}

/** `a=b,c=d` in the order of the keys; `<none>` when there are none. */
export function formatLabels(labels: Readonly<Record<string, string>> | undefined): string {
  const entries = Object.entries(labels ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return entries.length === 0 ? '<none>' : entries.map(([key, value]) => `${key}=${value}`).join(',')
}
