/** A tree of named things, in the form that protobuf libraries read without parsing (protobufjs' `Root.toJSON()`). */
export interface ProtoJson {
  readonly nested: Readonly<Record<string, object>>
}

interface Scope {
  readonly nested?: Record<string, object>
  readonly fields?: Record<string, object>
  readonly values?: Record<string, number>
  readonly methods?: Record<string, object>
}

/**
 * Reads the part of the protobuf language that we write ourselves: messages, enums and services, one in another, with
 * scalar, repeated and map fields. Field names become camelCase. Throws at the first word it does not understand.
 */
export function readProto(text: string): ProtoJson {
  const tokens = text.replaceAll(/\/\*.*?\*\//gs, ' ').match(/"[^"]*"|map\s*<[^>]*>|[\w.]+|[{}();=]/g) ?? []
  let at = 0
  const next = (): string => {
    const token = tokens[at++]
    if (token === undefined) throw new Error('Cannot read protobuf text: it ends too early')
    return token
  }
  const expect = (wanted: string): void => {
    const token = next()
    if (token !== wanted) throw new Error(`Cannot read protobuf text: "${token}" where "${wanted}" should be`)
  }
  const until = (end: string): string[] => {
    const found: string[] = []
    for (let token = next(); token !== end; token = next()) found.push(token)
    return found
  }

  const readBlock = (kind: 'message' | 'enum' | 'service'): object => {
    const scope = {
      nested: {} as Record<string, object>,
      fields: {} as Record<string, object>,
      values: {} as Record<string, number>,
      methods: {} as Record<string, object>,
    }
    expect('{')
    for (let token = next(); token !== '}'; token = next()) {
      if (token === 'message' || token === 'enum') scope.nested[next()] = readBlock(token)
      else if (kind === 'service') readMethod(scope.methods)
      else if (kind === 'enum') {
        expect('=')
        scope.values[token] = Number(next())
        expect(';')
      } else readField(token, scope.fields)
    }
    if (kind === 'enum') return { values: scope.values }
    if (kind === 'service') return { methods: scope.methods }
    return Object.keys(scope.nested).length === 0
      ? { fields: scope.fields }
      : { fields: scope.fields, nested: scope.nested }
  }

  const readField = (first: string, fields: NonNullable<Scope['fields']>): void => {
    const isRepeated = first === 'repeated'
    const type = isRepeated ? next() : first
    const name = camelCase(next())
    expect('=')
    const id = Number(next())
    expect(';')
    const map = /^map\s*<\s*(\w+)\s*,\s*([\w.]+)\s*>$/.exec(type)
    if (map !== null) fields[name] = { keyType: map[1], type: map[2], id }
    else fields[name] = isRepeated ? { rule: 'repeated', type, id } : { type, id }
  }

  const readMethod = (methods: NonNullable<Scope['methods']>): void => {
    const name = next()
    expect('(')
    const requestType = until(')').at(-1)
    expect('returns')
    expect('(')
    const response = until(')')
    expect(';')
    const responseType = response.at(-1)
    methods[name] = { requestType, responseType, ...(response[0] === 'stream' ? { responseStream: true } : {}) }
  }

  let path: string[] = []
  const nested: Record<string, object> = {}
  while (at < tokens.length) {
    const token = next()
    if (token === 'syntax') until(';')
    else if (token === 'package') path = until(';').join('').split('.')
    else if (token === 'message' || token === 'enum' || token === 'service') nested[next()] = readBlock(token)
    else throw new Error(`Cannot read protobuf text: "${token}" begins nothing`)
  }
  return path.reduceRight<ProtoJson>((inner, name) => ({ nested: { [name]: inner } }), { nested })
}

function camelCase(name: string): string {
  return name.replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
}
