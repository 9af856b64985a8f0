/**
 * Configuration files, described once: a setting says what it is for, how it is read and what its JSON schema is. Reading
 * finds every mistake with its place, what stands there and what would be right (`readSettings` of settingsFile.ts).
 *
 *   const fileSettings = members('All of it.', {
 *     port: defaulting(wholeNumber({ about: 'Where to listen.', flag: '--port', least: 1, most: 65_535 }), 443),
 *     names: listOf({ about: 'Names to be known by.' }, text({ about: 'One name.' })),
 *   })
 *   type File = SettingValue<typeof fileSettings>   // { port: number, names: readonly string[] | undefined }
 */
import { parseDuration } from '#lib/cel/time.ts'
import { setOwn } from '#lib/encoding/setOwn.ts'
import { canonicalIp } from '#lib/net/ip.ts'

export type SettingPath = readonly (string | number)[]

/** Something that cannot be used: where it stands, and what is wrong and would be right. */
export interface SettingProblem {
  readonly path: SettingPath
  readonly text: string
}

/** A place in a file that is being read. */
export class SettingPlace {
  readonly path: SettingPath
  readonly #problems: SettingProblem[]

  constructor(problems: SettingProblem[], path: SettingPath = []) {
    this.#problems = problems
    this.path = path
  }

  at(step: string | number): SettingPlace {
    return new SettingPlace(this.#problems, [...this.path, step])
  }

  /** Notes that what stands here is wrong; `right` says what it must be: `it must be a text`. */
  wrong(value: unknown, right: string): void {
    this.note(`is ${shown(value)}; ${right}`)
  }

  /** Notes a problem whose text follows the name of this place. */
  note(text: string): void {
    this.#problems.push({ path: this.path, text })
  }
}

export interface About {
  /** What it is for; a sentence for people. */
  readonly about: string
  /** The flags of Kubernetes' own program that say the same. */
  readonly flag?: string
}

/** One thing that a file may say. `T` is what reading gives; undefined where nothing was said. */
export interface Setting<T> extends About {
  /** What is read may be nonsense where it noted a problem. */
  read(value: unknown, place: SettingPlace): T
  /** What counts where nothing is said. */
  absent(place: SettingPlace): T
  /** How it is described in words: `a whole number from 1 to 65535`. */
  readonly shape: string
  readonly isRequired?: true
  /** As shown to people; absent when there is none. */
  readonly usual?: unknown
  /** Its JSON schema (draft 7) without the description. */
  readonly schema: JsonSchema
  /** The settings in it, where it holds several. */
  readonly members?: Members
}

export type JsonSchema = Readonly<Record<string, unknown>>
export type Members = Readonly<Record<string, Setting<any>>>
export type SettingValue<S> = S extends Setting<infer T> ? T : never
/** What reading several settings gives. */
export type ValuesOf<M extends Members> = { readonly [K in keyof M]: SettingValue<M[K]> }

const nothing = (): undefined => undefined

/** `rule` says what is wrong with a text: `it must be an https URL`. */
export function text(
  options: About & {
    readonly rule?: (value: string) => string | undefined
    readonly shape?: string
    readonly schema?: JsonSchema
  },
): Setting<string | undefined> {
  const { about, flag, rule, shape = 'a text', schema = {} } = options
  return {
    about,
    ...(flag === undefined ? {} : { flag }),
    shape,
    absent: nothing,
    schema: { type: 'string', ...schema },
    read(value, place) {
      const problem = typeof value === 'string' ? rule?.(value) : `it must be ${shape}`
      if (problem !== undefined) place.wrong(value, problem)
      return value as string
    },
  }
}

export function wholeNumber(
  options: About & { readonly least: number; readonly most: number },
): Setting<number | undefined> {
  const { least, most, ...about } = options
  const shape = `a whole number from ${least} to ${most}`
  return {
    ...about,
    shape,
    absent: nothing,
    schema: { type: 'integer', minimum: least, maximum: most },
    read(value, place) {
      const fits = typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most
      if (!fits) place.wrong(value, `it must be ${shape}`)
      return value as number
    },
  }
}

export function yesOrNo(about: About): Setting<boolean | undefined> {
  return {
    ...about,
    shape: 'true or false',
    absent: nothing,
    schema: { type: 'boolean' },
    read(value, place) {
      if (typeof value !== 'boolean') place.wrong(value, 'it must be true or false')
      return value as boolean
    },
  }
}

export function oneOf<const V extends string>(about: About, values: readonly V[]): Setting<V | undefined> {
  const list = values.map((value) => JSON.stringify(value)).join(', ')
  return {
    ...about,
    shape: `one of ${list}`,
    absent: nothing,
    schema: { enum: values },
    read(value, place) {
      if (!(values as readonly unknown[]).includes(value)) place.wrong(value, `it must be one of ${list}`)
      return value as V
    },
  }
}

/** A path of a file or folder; where relative ones would begin is not for a server to guess. */
export function absolutePath(about: About): Setting<string | undefined> {
  return text({
    ...about,
    shape: 'an absolute path',
    schema: { pattern: '^/' },
    rule: (value) => (value.startsWith('/') && !value.includes('\0') ? undefined : 'it must be an absolute path'),
  })
}

export function ipAddress(about: About): Setting<string | undefined> {
  const right = 'it must be an IP address such as 10.0.0.7 or fd00::7'
  return text({
    ...about,
    shape: 'an IP address',
    rule: (value) => (canonicalIp(value) === undefined ? right : undefined),
  })
}

/** A duration as Go writes them: `90s`, `1h30m`, `0s`. Reading gives milliseconds. */
export function duration(
  options: About & { readonly least?: number; readonly most?: number },
): Setting<number | undefined> {
  const { least = 0, most = 365 * 24 * 3_600_000, ...about } = options
  const shape = 'a duration such as 90s or 1h30m'
  return {
    ...about,
    shape,
    absent: nothing,
    schema: { type: 'string', pattern: '^([0-9]+(\\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$|^0$' },
    read(value, place) {
      const parsed = typeof value === 'string' && value.length < 64 ? parseDuration(value) : undefined
      if (parsed === undefined) {
        place.wrong(value, `it must be ${shape}`)
        return undefined
      }
      const milliseconds = Number(parsed.nanos / 1_000_000n)
      if (milliseconds < least || milliseconds > most) {
        place.wrong(value, `it must be from ${least / 1_000}s to ${most / 1_000}s`)
      }
      return milliseconds
    },
  }
}

const mostItems = 1_000

/** Several of a kind. Each may stand there once, unless they hold settings themselves. */
export function listOf<T>(
  about: About & { readonly least?: number },
  item: Setting<T>,
): Setting<readonly NonNullable<T>[] | undefined> {
  const { least = 0, ...rest } = about
  const shape = `a list; each is ${item.shape}`
  return {
    ...rest,
    shape,
    absent: nothing,
    schema: { type: 'array', items: describedSchema(item), ...(least === 0 ? {} : { minItems: least }) },
    ...(item.members === undefined ? {} : { members: item.members }),
    read(value, place) {
      if (!Array.isArray(value)) {
        place.wrong(value, `it must be ${shape}`)
        return []
      }
      if (value.length > mostItems) place.note(`has ${value.length} items; it may have at most ${mostItems}`)
      if (value.length < least) place.wrong(value, `it must have at least ${least}`)
      const seen = new Set<unknown>()
      return value.slice(0, mostItems).map((each: unknown, index) => {
        if (seen.has(each)) place.at(index).wrong(each, 'it stands there already')
        seen.add(each)
        return item.read(each, place.at(index)) as NonNullable<T>
      })
    },
  }
}

/** Texts by name. */
export function textsByName(about: About): Setting<Readonly<Record<string, string>> | undefined> {
  const shape = 'texts by name'
  return {
    ...about,
    shape,
    absent: nothing,
    schema: { type: 'object', additionalProperties: { type: 'string' } },
    read(value, place) {
      if (!isRecord(value)) {
        place.wrong(value, `it must hold ${shape}`)
        return {}
      }
      for (const [name, each] of Object.entries(value)) {
        if (typeof each !== 'string') place.at(name).wrong(each, 'it must be a text')
      }
      return value as Record<string, string>
    },
  }
}

/** Several settings by name; one that is not known is a mistake. `check` looks at all of them together. */
export function members<const M extends Members>(
  about: string | About,
  settings: M,
  check?: (values: ValuesOf<M>, place: SettingPlace) => void,
): Setting<ValuesOf<M> | undefined> {
  const names = Object.keys(settings)
  const required = names.filter((name) => settings[name]!.isRequired === true)
  return {
    ...(typeof about === 'string' ? { about } : about),
    shape: `${names.join(', ')}`,
    absent: nothing,
    members: settings,
    schema: {
      type: 'object',
      additionalProperties: false,
      properties: Object.fromEntries(names.map((name) => [name, describedSchema(settings[name]!)])),
      ...(required.length === 0 ? {} : { required }),
    },
    read(value, place) {
      if (!isRecord(value)) {
        place.wrong(value, `it must hold ${names.join(', ')}`)
        return {} as ValuesOf<M>
      }
      for (const name of Object.keys(value)) {
        if (!Object.hasOwn(settings, name)) place.at(name).note(`is no setting; there are ${names.join(', ')}`)
      }
      const values: Record<string, unknown> = {}
      for (const name of names) {
        const said = Object.hasOwn(value, name) ? value[name] : undefined
        const [setting, where] = [settings[name]!, place.at(name)]
        setOwn(values, name, said === undefined || said === null ? setting.absent(where) : setting.read(said, where))
      }
      check?.(values as ValuesOf<M>, place)
      return values as ValuesOf<M>
    },
  }
}

/** A setting that is as `value` says, as it would stand in a file, where nothing is said. */
export function defaulting<T>(setting: Setting<T>, value: unknown): Setting<NonNullable<T>> {
  return {
    ...setting,
    ...(setting.members === undefined ? { usual: value } : {}),
    read: (given, place) => setting.read(given, place) as NonNullable<T>,
    absent: (place) => setting.read(value, place) as NonNullable<T>,
    schema: setting.members === undefined ? { ...setting.schema, default: value } : setting.schema,
  }
}

/** A setting that must be said. */
export function required<T>(setting: Setting<T>): Setting<NonNullable<T>> {
  return {
    ...setting,
    isRequired: true,
    read: (given, place) => setting.read(given, place) as NonNullable<T>,
    absent(place) {
      place.note(`is missing; it must be ${setting.shape}`)
      return undefined as unknown as NonNullable<T>
    },
  }
}

/** The JSON schema of a setting with what people read about it. */
export function describedSchema({ about, flag, schema }: Setting<any>): JsonSchema {
  return { description: flag === undefined ? about : `${about} (kube-apiserver: ${flag})`, ...schema }
}

const mostShown = 100

function shown(value: unknown): string {
  const json = JSON.stringify(value) ?? String(value)
  return json.length <= mostShown ? json : `${json.slice(0, mostShown)}...`
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
