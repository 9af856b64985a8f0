import { definitionNamed } from '#machinery/schema/load.ts'
import { isObject, type JsonObject, type Schema } from '#machinery/schema/model.ts'

// Refusals show the refused value. Values of upstream's internal types have no JSON names, so they show every field
// under its Go name, absent ones as null or zero; people search for these texts.

/** Go names that are more than the JSON name with a capital. */
const goNames: Readonly<Record<string, string>> = {
  apiGroup: 'APIGroup',
  apiGroups: 'APIGroups',
  cel: 'CEL',
  ip: 'IP',
  ips: 'IPs',
  pkixPublicKey: 'PKIXPublicKey',
  seLinuxMount: 'SELinuxMount',
  seLinuxOptions: 'SELinuxOptions',
  cidrs: 'CIDRs',
  dnsConfig: 'DNSConfig',
  dnsPolicy: 'DNSPolicy',
  os: 'OS',
  tty: 'TTY',
  gmsaCredentialSpec: 'GMSACredentialSpec',
  gmsaCredentialSpecName: 'GMSACredentialSpecName',
}

/** A value of the named definition as messages show it: `{"Key":"a","Operator":"Exists","Value":"",…}`. */
export function goForm(definition: string, value: object): JsonObject {
  return structForm(definitionNamed(definition), value as JsonObject)
}

function structForm(schema: Schema, value: JsonObject): JsonObject {
  const form: JsonObject = {}
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    // The metadata of a template is part of it, in the form that it has outside.
    if (name === 'metadata') {
      Object.assign(form, value[name])
      continue
    }
    const goName = goNames[name] ?? name.charAt(0).toUpperCase() + name.slice(1)
    form[goName] = fieldForm(field, value[name])
  }
  return form
}

function fieldForm(schema: Schema, value: unknown): unknown {
  if (value === undefined) return emptyForm(schema)
  if (Array.isArray(value)) return value.map((item) => fieldForm(schema.items ?? {}, item))
  return isObject(value) && isInternal(schema) ? structForm(schema, value) : value
}

/** What Go has where nothing was given: nil for pointers, lists and maps, otherwise the zero value. */
function emptyForm(schema: Schema): unknown {
  const { type, format, zero } = schema
  if (zero === 'keep' || type === 'array' || format === 'time' || format === 'micro-time') return null
  if (format === 'int-or-string') return 0
  if (type === 'object') return isInternal(schema) ? structForm(schema, {}) : null
  return type === 'string' ? '' : type === 'boolean' ? false : 0
}

/** Types of apimachinery are the same inside and outside: they show their JSON form. */
function isInternal({ definition }: Schema): boolean {
  return definition !== undefined && !definition.startsWith('io.k8s.apimachinery.')
}
