// Definitions of custom resources: kinds that users add to the API.
import { resource } from '#api/resource.ts'
import type { ConditionStatus } from '#api/meta/v1/condition.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { Bytes, Time, int32 } from '#api/scalars.ts'
import type { JSONSchemaProps } from './jsonSchema.ts'

/** A kind that is served like a built-in one. Its name is `<plural>.<group>`. */
export interface CustomResourceDefinition extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** How the kind is called, what its objects look like and in which versions it is served. */
  spec: CustomResourceDefinitionSpec
  /** Whether the kind is served, and under which names. @default {} */
  status?: CustomResourceDefinitionStatus
}

/** The kind CustomResourceDefinition as it is addressed: `customresourcedefinitions` of apiextensions.k8s.io. */
export const customResourceDefinitions = resource<CustomResourceDefinition>({
  group: 'apiextensions.k8s.io',
  version: 'v1',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  scope: 'Cluster',
  shortNames: ['crd', 'crds'],
  categories: ['api-extensions'],
})

/** Several objects of kind CustomResourceDefinition, as a list request returns them. */
export interface CustomResourceDefinitionList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by name. */
  items: CustomResourceDefinition[]
}

/** How a custom kind is called, what its objects look like and in which versions it is served. */
export interface CustomResourceDefinitionSpec {
  /** The API group, a domain name; objects are below `/apis/<group>`. */
  group: string
  /** The names of the kind. */
  names: CustomResourceDefinitionNames
  /** Whether objects live in namespaces: `Namespaced` or `Cluster`. */
  scope: string
  /** Every version of the kind; exactly one of them is the form in which objects are stored. */
  versions: CustomResourceDefinitionVersion[]
  /** How objects get from one version to another. */
  conversion?: CustomResourceConversion
  /** Keeps fields that no schema knows. Must be false: say it within the schema instead. @deprecated */
  preserveUnknownFields?: boolean
}

/** The names of a custom kind. */
export interface CustomResourceDefinitionNames {
  /** The name in paths, in lower case. */
  plural: string
  /** The name of one object on the command line; the kind in lower case when absent. */
  singular?: string
  /** Short forms for the command line, in lower case. @atomic */
  shortNames?: string[]
  /** The kind that objects carry, in CamelCase. */
  kind: string
  /** The kind of lists; the kind followed by `List` when absent. */
  listKind?: string
  /** Groups of kinds that commands can name at once, such as `all`. @atomic */
  categories?: string[]
}

/** One version of a custom kind. */
export interface CustomResourceDefinitionVersion {
  /** The name in paths, such as `v1` or `v2beta1`. */
  name: string
  /** Whether clients can use this version. */
  served: boolean
  /** Whether objects are stored in this version; true for exactly one. */
  storage: boolean
  /** Whether requests for this version are answered with a warning. */
  deprecated?: boolean
  /** The text of that warning, instead of one that names the version to use. At most 256 characters. */
  deprecationWarning?: string
  /** What objects look like in this version. */
  schema?: CustomResourceValidation
  /** The parts of objects that have paths of their own. */
  subresources?: CustomResourceSubresources
  /** Columns of tables beside the name; the age alone when there are none. @atomic */
  additionalPrinterColumns?: CustomResourceColumnDefinition[]
  /** Fields that a field selector may name; at most 8. @atomic */
  selectableFields?: SelectableField[]
}

/** One column of a table of custom objects. */
export interface CustomResourceColumnDefinition {
  /** The heading. */
  name: string
  /** The type of the cells: `integer`, `number`, `string`, `boolean` or `date`. */
  type: string
  /** How cells are to be understood beyond their type: `int32`, `int64`, `float`, `double`, `byte`, `date`, `date-time` or `password`. */
  format?: string
  /** What the column shows. */
  description?: string
  /** 0 for columns that are always shown; higher ones only where there is room. */
  priority?: int32
  /** The path to the value within an object, such as `.spec.replicas`. */
  jsonPath: string
}

/** A field that a field selector may name. */
export interface SelectableField {
  /** The path to the field, such as `.spec.color`; a text, a boolean or a whole number, and not within a list. */
  jsonPath: string
}

/** What custom objects look like. */
export interface CustomResourceValidation {
  /** The structural schema that objects are pruned, completed and checked by. */
  openAPIV3Schema?: JSONSchemaProps
}

/** The parts of custom objects that have paths of their own. */
export interface CustomResourceSubresources {
  /** Gives objects the path `/status`: only there `.status` can be changed, and nothing else. */
  status?: CustomResourceSubresourceStatus
  /** Gives objects the path `/scale`, by which their replicas can be counted and changed. */
  scale?: CustomResourceSubresourceScale
}

/** Says that a custom kind has a `/status`; there is nothing to choose. */
export interface CustomResourceSubresourceStatus {}

/** Where custom objects keep what their `/scale` shows. */
export interface CustomResourceSubresourceScale {
  /** The path to the wanted number of replicas, below `.spec`. */
  specReplicasPath: string
  /** The path to the number of replicas that there are, below `.status`. */
  statusReplicasPath: string
  /** The path to the label selector of the replicas as text, below `.spec` or `.status`. */
  labelSelectorPath?: string
}

/** How custom objects get from one version to another. */
export interface CustomResourceConversion {
  /** `None` changes only the `apiVersion`; `Webhook` asks a server. */
  strategy: string
  /** The server to ask. */
  webhook?: WebhookConversion
}

/** A server that converts custom objects. */
export interface WebhookConversion {
  /** Where the server is. */
  clientConfig?: WebhookClientConfig
  /** The versions of ConversionReview that the server understands, best first; one of them must be `v1`. @atomic */
  conversionReviewVersions: string[]
}

/** How a conversion server is reached: by `url` or by `service`. */
export interface WebhookClientConfig {
  /** The address of the server, beginning with `https://`. */
  url?: string
  /** The service in front of the server. */
  service?: ServiceReference
  /** The certificates, in PEM, that the server's own must come from; those of the system when absent. */
  caBundle?: Bytes
}

/** A service that takes requests of the API server. */
export interface ServiceReference {
  /** The namespace of the service. */
  namespace: string
  /** The name of the service. */
  name: string
  /** The path of requests. */
  path?: string
  /** The port of the service; 443 when absent. */
  port?: int32
}

/** Whether a custom kind is served, and under which names. */
export interface CustomResourceDefinitionStatus {
  /** Whether names were accepted, the kind is served, and what is wrong with it. @listMap type @replace */
  conditions?: CustomResourceDefinitionCondition[] | null
  /** The names that are in use, which may differ from those that were asked for. @default {} */
  acceptedNames?: CustomResourceDefinitionNames
  /** Versions in which objects may still be stored; none of them may be removed from the spec. @atomic */
  storedVersions?: string[]
}

/** One fact about a custom kind. */
export interface CustomResourceDefinitionCondition {
  /** `NamesAccepted`, `Established`, `NonStructuralSchema`, `Terminating` or `KubernetesAPIApprovalPolicyConformant`. */
  type: string
  /** Whether it holds. */
  status: ConditionStatus
  /** When `status` last changed. */
  lastTransitionTime?: Time
  /** One word in CamelCase that says why `status` is what it is, for programs. */
  reason?: string
  /** Why `status` is what it is, for people. */
  message?: string
}
