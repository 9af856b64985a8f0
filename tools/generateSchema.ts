// Turns the interfaces of src/api into the schema that drives defaults, validation, patches, OpenAPI and protobuf.
// It reads syntax alone, so it is fast and needs no type checker; what it does not understand it refuses by line.
//
//   node tools/generateSchema.ts            writes src/machinery/schema/*.generated.ts
//   node tools/generateSchema.ts --check    fails when they are not up to date
//   ... --strict                            a missing description is an error too
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import ts from 'typescript-ast'
import { type Fact, type Facts, readFacts } from './protobufFacts.ts'
import { readDoc, type Doc } from './schemaTags.ts'

/** A schema as it stands in the generated file: `ref` names a definition, everything else is as in model.ts. */
export type WrittenSchema = { ref?: string; [key: string]: unknown }

/** What the generator makes of a folder of types. */
export interface Generated {
  readonly definitions: Record<string, WrittenSchema>
  /** Definition, or definition and field, to its sentence. */
  readonly descriptions: Record<string, string>
  readonly errors: readonly string[]
  readonly warnings: readonly string[]
}

interface SourceFile {
  readonly path: string
  readonly node: ts.SourceFile
  readonly interfaces: Map<string, ts.InterfaceDeclaration>
  readonly aliases: Map<string, ts.TypeAliasDeclaration>
  /** Local name to the file and the name it stands for. */
  readonly imports: Map<string, { path: string; name: string }>
  /** Types of another version that this one has in the same shape, by the same name. */
  readonly repeats: Map<string, { path: string; name: string }>
}

/** Scalars of src/api/scalars.ts. */
const scalars: Readonly<Record<string, WrittenSchema>> = {
  int32: { type: 'integer', format: 'int32' },
  int64: { type: 'integer', format: 'int64' },
  double: { type: 'number', format: 'double' },
  Quantity: { type: 'string', format: 'quantity' },
  Time: { type: 'string', format: 'time' },
  MicroTime: { type: 'string', format: 'micro-time' },
  Duration: { type: 'string', format: 'duration' },
  IntOrString: { format: 'int-or-string' },
  Bytes: { type: 'string', format: 'byte' },
  RawExtension: { type: 'object', format: 'raw', preserveUnknownFields: true },
  Json: { format: 'json' },
  FieldsV1: { type: 'object', format: 'fields', preserveUnknownFields: true, mapType: 'atomic' },
}

/** Types of src/api/scalars.ts that are another type or something simpler. */
const variants: Readonly<Record<string, string>> = {
  OrList: 'or-list',
  OrBoolean: 'or-boolean',
  OrTexts: 'or-texts',
}

/** Folders whose OpenAPI names do not start with `io.k8s.api`. */
const namePrefixes: Readonly<Record<string, string>> = {
  meta: 'io.k8s.apimachinery.pkg.apis.meta',
  apiextensions: 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions',
  apiregistration: 'io.k8s.kube-aggregator.pkg.apis.apiregistration',
  metrics: 'io.k8s.metrics.pkg.apis.metrics',
}

/** API groups that are not called like their folder. */
const groupNames: Readonly<Record<string, string>> = {
  core: '',
  meta: '',
  admission: 'admission.k8s.io',
  admissionregistration: 'admissionregistration.k8s.io',
  apidiscovery: 'apidiscovery.k8s.io',
  apiextensions: 'apiextensions.k8s.io',
  apiregistration: 'apiregistration.k8s.io',
  authentication: 'authentication.k8s.io',
  authorization: 'authorization.k8s.io',
  certificates: 'certificates.k8s.io',
  coordination: 'coordination.k8s.io',
  discovery: 'discovery.k8s.io',
  events: 'events.k8s.io',
  flowcontrol: 'flowcontrol.apiserver.k8s.io',
  metrics: 'metrics.k8s.io',
  networking: 'networking.k8s.io',
  node: 'node.k8s.io',
  rbac: 'rbac.authorization.k8s.io',
  resource: 'resource.k8s.io',
  scheduling: 'scheduling.k8s.io',
  storage: 'storage.k8s.io',
  apiserverinternal: 'internal.apiserver.k8s.io',
  storagemigration: 'storagemigration.k8s.io',
}

/** Tables travel as JSON and YAML only. */
const jsonOnly = /\.meta\.v1\.Table/

/** Files of the API folder that hold no types of the wire. */
const plainFiles = new Set(['index.ts', 'resource.ts', 'scalars.ts'])

/** Reads every type below `folder`; `facts` tells wire numbers, zero rules and type names by definition and field. */
export function generateSchema(folder: string, facts: Facts): Generated {
  const errors: string[] = []
  const warnings: string[] = []
  const definitions: Record<string, WrittenSchema> = {}
  const descriptions: Record<string, string> = {}
  const files = new Map<string, SourceFile>()

  const where = (file: SourceFile, node: ts.Node): string => {
    const { line } = file.node.getLineAndCharacterOfPosition(node.getStart(file.node))
    return `${relative(process.cwd(), join(folder, file.path))}:${line + 1}`
  }
  const refuse = (file: SourceFile, node: ts.Node, why: string): WrittenSchema => {
    errors.push(`${where(file, node)}: ${why}`)
    return {}
  }

  for (const path of globSync('**/*.ts', { cwd: folder }).toSorted()) {
    if (!plainFiles.has(path) && !path.endsWith('.test.ts')) files.set(path, readSource(folder, path, errors))
  }

  /** `version name` of a type to the file of that version that has it, of its own or repeated. */
  const owners = new Map<string, string>()
  for (const { path, interfaces, repeats } of files.values()) {
    for (const name of [...interfaces.keys(), ...repeats.keys()]) owners.set(`${versionOf(path)} ${name}`, path)
  }

  const docOf = (file: SourceFile, node: ts.Node): Doc => {
    const comments = (node as { jsDoc?: readonly ts.Node[] }).jsDoc ?? []
    if (comments.length > 1) refuse(file, comments[0]!, 'two doc comments stand before one declaration')
    const comment = comments.at(-1)
    const doc = readDoc(comment === undefined ? '' : file.node.text.slice(comment.pos, comment.end))
    for (const problem of doc.problems) refuse(file, comment ?? node, problem)
    return doc
  }

  function resolve(file: SourceFile, name: string): { file: SourceFile; name: string } | undefined {
    if (file.interfaces.has(name) || file.aliases.has(name)) return { file, name }
    const imported = file.imports.get(name) ?? file.repeats.get(name)
    const target = imported === undefined ? undefined : files.get(imported.path)
    return target === undefined ? undefined : resolve(target, imported!.name)
  }

  /** The version whose types are being described, such as `storage/v1beta1`. */
  let version = ''

  /** Where a type that is used in this version is described: a type of the same group and name in this version wins. */
  function homeOf(path: string, name: string): string {
    return (groupOf(path) === groupOf(version) ? owners.get(`${version} ${name}`) : undefined) ?? path
  }

  function schemaOf(file: SourceFile, type: ts.TypeNode): WrittenSchema {
    switch (type.kind) {
      case ts.SyntaxKind.StringKeyword:
        return { type: 'string' }
      case ts.SyntaxKind.BooleanKeyword:
        return { type: 'boolean' }
      case ts.SyntaxKind.UnknownKeyword:
        return {}
      case ts.SyntaxKind.NumberKeyword:
        return refuse(file, type, 'a number needs a width: int32, int64 or double')
    }
    if (ts.isArrayTypeNode(type)) return { type: 'array', items: schemaOf(file, type.elementType) }
    if (ts.isLiteralTypeNode(type) && ts.isStringLiteral(type.literal))
      return { type: 'string', enum: [type.literal.text] }
    if (ts.isUnionTypeNode(type)) {
      const isNull = (member: ts.TypeNode): boolean =>
        ts.isLiteralTypeNode(member) && member.literal.kind === ts.SyntaxKind.NullKeyword
      const [list, none, ...others] = type.types
      if (ts.isArrayTypeNode(list!) && isNull(none!) && others.length === 0)
        return { ...schemaOf(file, list), nullable: true }
      const values: string[] = []
      for (const member of type.types) {
        if (!ts.isLiteralTypeNode(member) || !ts.isStringLiteral(member.literal)) {
          return refuse(file, member, 'a union may hold string literals only, or a list and null')
        }
        values.push(member.literal.text)
      }
      return { type: 'string', enum: values }
    }
    if (!ts.isTypeReferenceNode(type) || !ts.isIdentifier(type.typeName)) {
      return refuse(
        file,
        type,
        `cannot describe "${type.getText(file.node)}"; use an interface, a list, a Record or a scalar`,
      )
    }
    return schemaOfReference(file, type, type.typeName.text)
  }

  function schemaOfReference(file: SourceFile, type: ts.TypeReferenceNode, name: string): WrittenSchema {
    const [first, second] = type.typeArguments ?? []
    if (name === 'Partial' && first !== undefined) return schemaOf(file, first)
    const variant = variants[name]
    if (variant !== undefined && first !== undefined) return { ...schemaOf(file, first), format: variant }
    if (name === 'Record' && first !== undefined && second !== undefined) {
      if (first.kind !== ts.SyntaxKind.StringKeyword) return refuse(file, first, 'the keys of a Record are strings')
      if (second.kind === ts.SyntaxKind.UnknownKeyword) return { type: 'object', preserveUnknownFields: true }
      return { type: 'object', additionalProperties: schemaOf(file, second) }
    }
    if (type.typeArguments !== undefined) return refuse(file, type, `cannot describe "${type.getText(file.node)}"`)
    const scalar = scalars[name]
    if (scalar !== undefined) return { ...scalar }
    const found = resolve(file, name)
    if (found === undefined) return refuse(file, type, `cannot find type "${name}"`)
    const alias = found.file.aliases.get(found.name)
    if (alias !== undefined) {
      const { written, problems } = docOf(found.file, alias).apply(schemaOf(found.file, alias.type))
      for (const problem of problems) refuse(found.file, alias, problem)
      return written
    }
    return { ref: definitionName(homeOf(found.file.path, found.name), found.name) }
  }

  /** The fields of an interface, those it extends first. */
  function membersOf(
    file: SourceFile,
    declaration: ts.InterfaceDeclaration,
  ): { file: SourceFile; member: ts.TypeElement }[] {
    const members: { file: SourceFile; member: ts.TypeElement }[] = []
    for (const clause of declaration.heritageClauses ?? []) {
      for (const base of clause.types) {
        const name = ts.isIdentifier(base.expression) ? base.expression.text : ''
        const found = resolve(file, name)
        const parent = found?.file.interfaces.get(found.name)
        if (found === undefined || parent === undefined || base.typeArguments !== undefined) {
          refuse(file, base, `cannot extend "${base.getText(file.node)}"; only an interface of src/api`)
          continue
        }
        members.push(...membersOf(found.file, parent))
      }
    }
    members.push(...declaration.members.map((member) => ({ file, member })))
    return members
  }

  /** Describes an interface; `path` is the file whose version it belongs to, which may only repeat it. */
  function define(file: SourceFile, declaration: ts.InterfaceDeclaration, path: string): void {
    version = versionOf(path)
    const name = definitionName(path, declaration.name.text)
    const doc = docOf(file, declaration)
    if (name in definitions) refuse(file, declaration, `"${name}" is described twice`)
    if (declaration.typeParameters !== undefined) refuse(file, declaration, 'a type of the wire has no type parameters')
    const properties: Record<string, WrittenSchema> = {}
    const required: string[] = []
    const known = facts.get(name)
    if (known === undefined && facts.size > 0 && !jsonOnly.test(name))
      warnings.push(`${where(file, declaration)}: ${name} has no wire numbers`)
    for (const { file: home, member } of membersOf(file, declaration)) {
      if (!ts.isPropertySignature(member) || member.type === undefined) {
        refuse(home, member, 'an interface of the wire has fields only')
        continue
      }
      const field = ts.isIdentifier(member.name) || ts.isStringLiteral(member.name) ? member.name.text : ''
      if (field === '') refuse(home, member, `cannot read the name of field "${member.name.getText(home.node)}"`)
      const fieldDoc = docOf(home, member)
      const base = schemaOf(home, member.type)
      const schema = fieldDoc.apply(base)
      for (const problem of schema.problems) refuse(home, member, `${field}: ${problem}`)
      const fact = known?.get(field)
      if (known !== undefined && fact === undefined)
        refuse(home, member, `${name} ${field} has no entry in protobufNumbers.json`)
      properties[field] = withFacts(schema.written, fact)
      if (member.questionToken === undefined && !fieldDoc.optional) required.push(field)
      const sentence = fieldDoc.description || (commonDescriptions[field] ?? '')
      if (sentence === '') warnings.push(`${where(home, member)}: ${declaration.name.text}.${field} has no description`)
      else descriptions[`${name} ${field}`] = sentence
    }
    if (doc.description === '')
      warnings.push(`${where(file, declaration)}: ${declaration.name.text} has no description`)
    else descriptions[name] = doc.description
    const gvk = kindOf(path, declaration, properties)
    const own = doc.apply({ type: 'object' })
    for (const problem of own.problems) refuse(file, declaration, problem)
    definitions[name] = {
      ...own.written,
      ...(gvk === undefined ? {} : { kind: gvk }),
      properties,
      ...(required.length === 0 ? {} : { required }),
    }
  }

  for (const file of files.values()) {
    checkComments(file, (position, why) => {
      const { line } = file.node.getLineAndCharacterOfPosition(position)
      errors.push(`${relative(process.cwd(), join(folder, file.path))}:${line + 1}: ${why}`)
    })
    for (const statement of file.node.statements) {
      if (ts.isInterfaceDeclaration(statement)) define(file, statement, file.path)
      else if (ts.isTypeAliasDeclaration(statement)) docOf(file, statement)
      else if (!ts.isImportDeclaration(statement) && !isRepetition(statement) && !isResourceValue(statement)) {
        refuse(
          file,
          statement,
          'a file of src/api holds imports, interfaces, type aliases, repetitions and resource() values only',
        )
      }
    }
    for (const name of file.repeats.keys()) {
      const found = resolve(file, name)
      const declaration = found?.file.interfaces.get(found.name)
      if (declaration !== undefined) define(found!.file, declaration, file.path)
      else if (found === undefined) refuse(file, file.node, `cannot find type "${name}"`)
    }
  }
  return { definitions: sorted(definitions), descriptions: sorted(descriptions), errors, warnings }
}

/** Sentences for fields that mean the same everywhere, used where the field has none of its own. */
const commonDescriptions: Readonly<Record<string, string>> = {
  apiVersion: 'The group and version of the API that the object is written in, such as `apps/v1`.',
  kind: 'The kind of the object, in CamelCase.',
  metadata: 'Name, labels, owners and other data that every object has.',
}

function readSource(folder: string, path: string, errors: string[]): SourceFile {
  const text = readFileSync(join(folder, path), 'utf8')
  const node = ts.createSourceFile(
    path,
    text,
    { languageVersion: ts.ScriptTarget.ESNext, jsDocParsingMode: ts.JSDocParsingMode.ParseAll },
    true,
  )
  const file: SourceFile = {
    path,
    node,
    interfaces: new Map(),
    aliases: new Map(),
    imports: new Map(),
    repeats: new Map(),
  }
  for (const statement of node.statements) {
    if (ts.isInterfaceDeclaration(statement)) file.interfaces.set(statement.name.text, statement)
    if (ts.isTypeAliasDeclaration(statement)) file.aliases.set(statement.name.text, statement)
    if (!ts.isImportDeclaration(statement) && !isRepetition(statement)) continue
    if (statement.moduleSpecifier === undefined || !ts.isStringLiteral(statement.moduleSpecifier)) continue
    const from = statement.moduleSpecifier.text
    const target = from.startsWith('#api/') ? from.slice('#api/'.length) : join(dirname(path), from)
    if (isRepetition(statement)) {
      for (const one of statement.exportClause.elements) {
        file.repeats.set(one.name.text, { path: target, name: one.name.text })
      }
      continue
    }
    const names = statement.importClause?.namedBindings
    if (names === undefined || !ts.isNamedImports(names)) {
      errors.push(`${path}: an import of src/api names what it takes`)
      continue
    }
    for (const one of names.elements) {
      file.imports.set(one.name.text, { path: target, name: (one.propertyName ?? one.name).text })
    }
  }
  return file
}

/** Every doc comment must belong to a declaration; the parser silently drops the others. */
function checkComments(file: SourceFile, problem: (position: number, why: string) => void): void {
  const attached = new Set<number>()
  const visit = (node: ts.Node): void => {
    for (const comment of (node as { jsDoc?: readonly ts.Node[] }).jsDoc ?? []) attached.add(comment.pos)
    ts.forEachChild(node, visit)
  }
  visit(file.node)
  for (const match of file.node.text.matchAll(/^.*?(\/\*\*)/gm)) {
    const position = match.index + match[0].length - 3
    if (match[0].trim() !== '/**') problem(position, 'a doc comment starts its own line')
    else if (!attached.has(position)) problem(position, 'this doc comment belongs to nothing')
  }
}

function isResourceValue(statement: ts.Statement): boolean {
  if (!ts.isVariableStatement(statement)) return false
  return statement.declarationList.declarations.every(
    ({ initializer }) =>
      initializer !== undefined &&
      ts.isCallExpression(initializer) &&
      ts.isIdentifier(initializer.expression) &&
      initializer.expression.text === 'resource',
  )
}

/** `export type { … } from`: the version has these types in the same shape as another one. */
function isRepetition(statement: ts.Statement): statement is ts.ExportDeclaration & { exportClause: ts.NamedExports } {
  return (
    ts.isExportDeclaration(statement) &&
    statement.isTypeOnly &&
    statement.exportClause !== undefined &&
    ts.isNamedExports(statement.exportClause) &&
    statement.exportClause.elements.every(({ propertyName }) => propertyName === undefined)
  )
}

/** `storage` of `storage/v1beta1/volumeAttributesClass.ts`. */
function groupOf(path: string): string {
  return path.slice(0, path.indexOf('/'))
}

/** `storage/v1beta1` of `storage/v1beta1/volumeAttributesClass.ts`. */
function versionOf(path: string): string {
  return path.split('/', 2).join('/')
}

/** `core/v1/pod.ts` and `Pod` make `io.k8s.api.core.v1.Pod`. */
function definitionName(path: string, name: string): string {
  const [folder = '', version = ''] = path.split('/')
  return `${namePrefixes[folder] ?? `io.k8s.api.${folder}`}.${version}.${name}`
}

/** The group, version and kind of types that travel alone. */
function kindOf(
  path: string,
  declaration: ts.InterfaceDeclaration,
  properties: Record<string, WrittenSchema>,
): readonly [string, string, string] | undefined {
  const [folder = '', version = ''] = path.split('/')
  const name = declaration.name.text
  const extendsTypeMeta = declaration.heritageClauses?.some((clause) =>
    clause.types.some((type) => type.getText() === 'TypeMeta'),
  )
  const isOptions = name.endsWith('Options') && 'kind' in properties && 'apiVersion' in properties
  if (extendsTypeMeta !== true && !isOptions) return undefined
  return [groupNames[folder] ?? folder, version, name]
}

/** Adds what protobufNumbers.json knows about a field. */
function withFacts(schema: WrittenSchema, fact: Fact | undefined): WrittenSchema {
  if (fact === undefined) return schema
  return {
    ...withTypeNames(schema, fact.goType),
    zero: fact.zero,
    ...(fact.path.length === 0 ? {} : { wire: fact.path }),
  }
}

/** Adds a type's name where it does not follow from the schema: to named strings, and to named lists and maps. */
function withTypeNames(schema: WrittenSchema, goType: string): WrittenSchema {
  const items = schema['items'] as WrittenSchema | undefined
  if (items !== undefined && goType.startsWith('[]')) {
    return { ...schema, items: withTypeNames(items, goType.slice('[]'.length).replace('*', '')) }
  }
  const values = schema['additionalProperties'] as WrittenSchema | undefined
  const map = /^map\[([^\]]*)\]\*?(.*)$/.exec(goType)
  if (values !== undefined && map !== null) {
    const named = { ...schema, additionalProperties: withTypeNames(values, map[2]!) }
    return map[1] === 'string' ? named : { ...named, goType }
  }
  const isNamed =
    items !== undefined || values !== undefined || (schema['type'] === 'string' && schema['format'] === undefined)
  return isNamed && goType !== 'string' ? { ...schema, goType } : schema
}

function sorted<T>(record: Record<string, T>): Record<string, T> {
  return Object.fromEntries(Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

/** One entry per line: small in the file, readable as a difference. */
function writeModule(name: string, comment: string, record: Record<string, unknown>): string {
  const lines = Object.entries(record).map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`)
  const text = `{\n${lines.join(',\n')}\n}`.replaceAll('`', '\\u0060').replaceAll('${', '\\u0024{')
  return `// Written by tools/generateSchema.ts from src/api; run "npm run generate" instead of editing.\n\n/** ${comment} */\nexport const ${name} = String.raw\`${text}\`\n`
}

function main(args: readonly string[]): number {
  for (const arg of args) {
    if (arg !== '--check' && arg !== '--strict') {
      console.error(`unknown argument "${arg}"; known are --check and --strict`)
      return 2
    }
  }
  const root = dirname(import.meta.dirname)
  const facts = readFacts(join(root, 'tools/protobufNumbers.json'))
  const generated = generateSchema(join(root, 'src/api'), facts)
  const strict = args.includes('--strict')
  const errors = strict ? [...generated.errors, ...generated.warnings] : generated.errors
  for (const error of errors) console.error(error)
  if (errors.length > 0) {
    console.error(`${errors.length} ${errors.length === 1 ? 'mistake' : 'mistakes'} in src/api; nothing was written`)
    return 1
  }
  if (generated.warnings.length > 0) {
    console.error(`${generated.warnings.length} warnings, such as ${generated.warnings[0]}; --strict shows all`)
  }
  const folder = join(root, 'src/machinery/schema')
  const outputs: readonly (readonly [string, string])[] = [
    [
      'schema.generated.ts',
      writeModule(
        'schemaText',
        'Every definition by its OpenAPI name, as JSON; read by load.ts.',
        generated.definitions,
      ),
    ],
    [
      'descriptions.generated.ts',
      writeModule(
        'descriptionText',
        'What each definition and field is, as JSON; read only for OpenAPI and explain.',
        generated.descriptions,
      ),
    ],
  ]
  let outdated = 0
  for (const [name, text] of outputs) {
    const path = join(folder, name)
    if (existsSync(path) && readFileSync(path, 'utf8') === text) continue
    outdated++
    if (args.includes('--check')) console.error(`${relative(root, path)} is not up to date; run "npm run generate"`)
    else writeFileSync(path, text)
  }
  return args.includes('--check') && outdated > 0 ? 1 : 0
}

if (import.meta.main) process.exitCode = main(process.argv.slice(2))
