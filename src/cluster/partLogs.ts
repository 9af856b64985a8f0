import { fileSink, type LogSink } from '#lib/log.ts'

/** The parts of a process that have a log of their own, by the components that they are made of. */
const partOfComponent: Readonly<Record<string, string>> = {
  store: 'store',
  'api-server': 'kube-apiserver',
  'bootstrap-objects': 'kube-apiserver',
  controllers: 'kube-controller-manager',
  scheduler: 'kube-scheduler',
  proxy: 'kube-proxy',
  dns: 'dns',
}

/** Under which name a component logs; components that people do not know by name log as themselves. */
export function logNameOf(component: string): string {
  return partOfComponent[component] ?? component
}

/** The file with the log of one part, in the form in which a container runtime writes the logs of containers. */
export function partLogFile(podLogFolder: string, part: string): string {
  return `${podLogFolder}/parts/${part}/0.log`
}

/** Writes each line also into the log of the part that says it, so that the part's pod can show it. */
export function partLogSink(podLogFolder: string, parts: readonly string[]): LogSink & Disposable {
  const sinks = new Map(
    parts.map((part) => [part, fileSink({ path: partLogFile(podLogFolder, part), largest: 4 * 1024 * 1024, keep: 1 })]),
  )
  return {
    write(line, entry) {
      const slash = entry.name.indexOf('/')
      const sink = sinks.get(slash < 0 ? entry.name : entry.name.slice(0, slash))
      sink?.write(`${new Date(entry.time).toISOString().replace('Z', '000000Z')} stdout F ${line}`, entry)
    },
    [Symbol.dispose]() {
      for (const sink of sinks.values()) sink[Symbol.dispose]()
    },
  }
}
