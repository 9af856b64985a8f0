/**
 * All benchmarks, or those that are named: `npm run bench [-- NAME ...]`. Figures depend on the machine and on what else
 * runs there, so the conditions are printed with them, and most are beside figures of others taken in the same run.
 *
 * This folder measures; what it measures is in `src/`. Each file can be run alone.
 */
import { parseArgs } from 'node:util'
import { describeConditions } from './conditions.ts'
import { keepsGoal, renderMeasurements, type Measurement } from './measurement.ts'

interface Benchmark {
  readonly name: string
  readonly about: string
  load(): Promise<{ run(): Promise<readonly Measurement[]> }>
}

/** Every benchmark, in the order in which they are run. Each is loaded only when its turn comes. */
const benchmarks: readonly Benchmark[] = [
  { name: 'coldStart', about: 'from nothing to a ready cluster', load: () => import('./coldStart.ts') },
  { name: 'idle', about: 'what a cluster at rest takes', load: () => import('./idle.ts') },
  { name: 'store', about: 'durable writes beside etcd', load: () => import('./store.ts') },
  { name: 'api', about: 'the API server over TLS', load: () => import('./api.ts') },
  { name: 'events', about: 'how late events come from a node', load: () => import('./events.ts') },
  { name: 'largeList', about: 'a list of fifty thousand pods', load: () => import('./largeList.ts') },
  { name: 'podStart', about: 'pods beside bare container runtime calls', load: () => import('./podStart.ts') },
  { name: 'simulation', about: 'a thousand simulated nodes', load: () => import('./simulation.ts') },
  {
    name: 'scheduling',
    about: "the workloads of Kubernetes' scheduler benchmark",
    load: () => import('./scheduling.ts'),
  },
  { name: 'jobs', about: 'a Job of ten thousand pods on simulated nodes', load: () => import('./jobs.ts') },
  { name: 'controllers', about: 'ten thousand replicas, and a simulated day', load: () => import('./controllers.ts') },
  { name: 'decisions', about: 'what a decision of the scheduler takes', load: () => import('./decisions.ts') },
  { name: 'proxy', about: 'thirty thousand services in the kernel', load: () => import('./proxy.ts') },
  { name: 'ingress', about: 'requests from outside beside HAProxy by hand', load: () => import('./ingress.ts') },
  { name: 'http', about: 'the HTTP server alone', load: () => import('./http.ts') },
  { name: 'dns', about: 'names beside a bare socket and unbound', load: () => import('./dns.ts') },
  { name: 'documents', about: 'discovery and OpenAPI', load: () => import('./documents.ts') },
  { name: 'cel', about: 'expressions beside bare functions', load: () => import('./cel.ts') },
  { name: 'customResources', about: 'creates of custom objects', load: () => import('./customResources.ts') },
  { name: 'authorization', about: 'whether a caller may do something', load: () => import('./authorization.ts') },
  { name: 'networkPolicy', about: 'from a policy to a packet', load: () => import('./networkPolicy.ts') },
  { name: 'policyAgent', about: 'what pods elsewhere cost a node', load: () => import('./policyAgent.ts') },
  { name: 'loadBalancer', about: 'names of this machine, and who answers', load: () => import('./loadBalancer.ts') },
  {
    name: 'ingressProgramming',
    about: 'from an endpoint to what ingresses lead to',
    load: () => import('./ingressProgramming.ts'),
  },
  { name: 'metrics', about: 'what counting costs', load: () => import('./metrics.ts') },
]

const { positionals: wanted } = parseArgs({ allowPositionals: true })
const unknown = wanted.filter((name) => benchmarks.every((each) => each.name !== name))
if (unknown.length > 0) {
  console.error(`there is no benchmark ${unknown.join(', ')}; there are:`)
  for (const { name, about } of benchmarks) console.error(`  ${name.padEnd(12)}${about}`)
  process.exit(2)
}

for (const line of await describeConditions()) console.log(line)
let missed = 0
let failed = 0
for (const { name, about, load } of benchmarks) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  console.log(`\n${name}: ${about}`)
  try {
    const measurements = await (await load()).run()
    for (const line of renderMeasurements(measurements)) console.log(line)
    missed += measurements.filter((each) => keepsGoal(each) === false).length
  } catch (error) {
    failed++
    console.log(`  could not be measured: ${(error as Error).message}`)
  }
}
console.log(`\n${missed === 0 ? 'no goal was missed' : `${missed} missed`}`)
// A missed goal is for people to judge; what could not be measured is a failure.
process.exitCode = failed === 0 ? 0 : 1
