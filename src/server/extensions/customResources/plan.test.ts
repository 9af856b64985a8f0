import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionNames,
} from '#api/apiextensions/v1/customResourceDefinition.ts'
import { resource } from '#api/resource.ts'
import { isEstablished, isServed, planStatus, usedNames } from './plan.ts'

const now = Date.UTC(2026, 0, 31)

function made(
  names: Partial<CustomResourceDefinitionNames> = {},
  own: Partial<CustomResourceDefinition['spec']> = {},
): CustomResourceDefinition {
  const all = { plural: 'widgets', singular: 'widget', kind: 'Widget', listKind: 'WidgetList', ...names }
  const group = own.group ?? 'example.com'
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${all.plural}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: all,
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
      ...own,
    },
    status: {},
  }
}

/** Plans a status again and again until it stays as it is. */
function settled(
  definition: CustomResourceDefinition,
  others: readonly CustomResourceDefinition[] = [],
): CustomResourceDefinition {
  const builtIn = [
    resource({
      group: 'apps',
      version: 'v1',
      kind: 'Deployment',
      plural: 'deployments',
      scope: 'Namespaced',
      shortNames: ['deploy'],
    }),
  ]
  let current = definition
  for (;;) {
    const status = planStatus(current, usedNames(current, others, builtIn), now)
    if (status === current.status) return current
    current = { ...current, status }
  }
}

const told = ({ status }: CustomResourceDefinition): string[] =>
  (status?.conditions ?? []).map(({ type, status: is, reason, message }) => `${type}=${is} ${reason}: ${message}`)

describe('names', () => {
  const first = settled(made({ shortNames: ['wd'] }))
  const accepted = 'NamesAccepted=True NoConflicts: no conflicts found'
  const established = 'Established=True InitialNamesAccepted: the initial names have been accepted'
  const notAccepted = 'Established=False NotAccepted: not all names are accepted'
  const refused = (reason: string, name: string): string[] => [
    `NamesAccepted=False ${reason}: "${name}" is already in use`,
    notAccepted,
  ]
  const rows: readonly (readonly [string, CustomResourceDefinition, readonly string[]])[] = [
    [
      'free ones',
      made({ plural: 'gears', singular: 'gear', kind: 'Gear', listKind: 'GearList' }),
      [accepted, established],
    ],
    [
      'the plural of another',
      made({ plural: 'wd', singular: 'w', kind: 'W', listKind: 'WList' }),
      refused('PluralConflict', 'wd'),
    ],
    [
      'the singular of another',
      made({ plural: 'ws', singular: 'widget', kind: 'W', listKind: 'WList' }),
      refused('SingularConflict', 'widget'),
    ],
    [
      'a short name of another',
      made({ plural: 'ws', singular: 'w', kind: 'W', listKind: 'WList', shortNames: ['widgets', 'wd', 'free'] }),
      ['NamesAccepted=False ShortNamesConflict: ["widgets" is already in use, "wd" is already in use]', notAccepted],
    ],
    [
      'the kind of another',
      made({ plural: 'ws', singular: 'w', kind: 'Widget', listKind: 'WList' }),
      refused('KindConflict', 'Widget'),
    ],
    [
      'the list of another',
      made({ plural: 'ws', singular: 'w', kind: 'W', listKind: 'Widget' }),
      refused('ListKindConflict', 'Widget'),
    ],
    ['names of another group', made({}, { group: 'other.com' }), [accepted, established]],
    [
      'a short name that is built in',
      made({ shortNames: ['deploy'] }, { group: 'apps' }),
      refused('ShortNamesConflict', 'deploy'),
    ],
  ]
  for (const [name, definition, conditions] of rows) {
    test(name, () => assert.deepEqual(told(settled(definition, [first])), conditions))
  }

  test('what was accepted stays when others want it', () => {
    const second = made({ plural: 'ws', singular: 'w', kind: 'W', listKind: 'WList', shortNames: ['wd'] })
    assert.deepEqual(told(settled(first, [first, settled(second, [first])])), [accepted, established])
  })

  test('what is established stays so when it wants a name in vain', () => {
    const wants = settled({ ...first, spec: { ...first.spec, names: { ...first.spec.names, shortNames: ['gr'] } } }, [
      settled(made({ plural: 'gears', singular: 'gear', kind: 'Gear', listKind: 'GearList', shortNames: ['gr'] })),
    ])
    assert.deepEqual(told(wants), ['NamesAccepted=False ShortNamesConflict: "gr" is already in use', established])
    assert.deepEqual(wants.status?.acceptedNames?.shortNames, ['wd'])
    assert.deepEqual([isServed(wants), isEstablished(wants)], [true, true])
  })
})

describe('other conditions', () => {
  const community = (text?: string): CustomResourceDefinition => {
    const own = made({}, { group: 'widgets.k8s.io' })
    return {
      ...own,
      metadata: {
        ...own.metadata,
        ...(text === undefined ? {} : { annotations: { 'api-approved.kubernetes.io': text } }),
      },
    }
  }
  const free = made({}, { preserveUnknownFields: true })
  const rows: readonly (readonly [string, CustomResourceDefinition, string])[] = [
    [
      'no approval',
      community(),
      'KubernetesAPIApprovalPolicyConformant=False MissingAnnotation: protected groups must have approval annotation "api-approved.kubernetes.io", see https://github.com/kubernetes/enhancements/pull/1111',
    ],
    [
      'an approval',
      community('https://example.com/1'),
      'KubernetesAPIApprovalPolicyConformant=True ApprovedAnnotation: approved in https://example.com/1',
    ],
    [
      'a confession',
      community('unapproved, for tests'),
      'KubernetesAPIApprovalPolicyConformant=False UnapprovedAnnotation: not approved: "unapproved, for tests"',
    ],
    [
      'nonsense',
      community('yes'),
      'KubernetesAPIApprovalPolicyConformant=False InvalidAnnotation: protected groups must have approval annotation "api-approved.kubernetes.io" with either a URL or a reason starting with "unapproved", see https://github.com/kubernetes/enhancements/pull/1111',
    ],
    [
      'free fields',
      free,
      'NonStructuralSchema=True Violations: spec.preserveUnknownFields: Invalid value: true: must be false',
    ],
  ]
  for (const [name, definition, condition] of rows) {
    test(name, () => assert.deepEqual(told(settled(definition)).slice(2), [condition]))
  }

  test('they go when there is no more to say', () => {
    const { status } = settled(free)
    const structured = settled({ ...made(), status: status! })
    assert.equal(told(structured).length, 2)
  })
})
