import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { decode, encode } from 'dns-packet'
import fc from 'fast-check'

import type { Pod } from '#api/core/v1/pod.ts'
import type { Namespace } from '#api/core/v1/namespace.ts'
import type { Service } from '#api/core/v1/service.ts'
import type { EndpointSlice } from '#api/discovery/v1/endpointSlice.ts'
import { IndexedStore } from '#client/index.ts'
import { SimulatedClock } from '#lib/clock.ts'
import { createLogger } from '#lib/log.ts'
import { MetricRegistry } from '#lib/metrics.ts'
import { seededRandom } from '#lib/random.ts'

import { AnswerCache, sourceOf, watchedRecords } from './answerCache.ts'
import { searchListOf } from './autopath.ts'
import { buildBlocks } from './blocks.ts'
import { readCorefile, usualCorefile } from './corefile/corefile.ts'
import { dnsMetrics } from './dnsMetrics.ts'
import { nameServer, type NameServer } from './nameServer.ts'
import { clusterRecords, podAddresses, podAddressIndex } from './records.ts'
import { responder, type ReplySeries, type Responder } from './respond.ts'

/** What the servers outside know: addresses and aliases by name. */
const outside: Readonly<Record<string, string>> = {
  'www.example.com': '192.0.2.1',
  'example.org': '192.0.2.2',
  'alias.example.com': 'CNAME www.example.com',
}

/** A whole server over records and servers of its own. */
function start(corefile: string, entries: Record<string, string> = {}) {
  const clock = new SimulatedClock()
  const services = new IndexedStore<Service>()
  const pods = new IndexedStore<Pod>()
  pods.addIndex(podAddressIndex, podAddresses)
  const namespaces = new IndexedStore<Namespace>()
  const add = (key: string, spec: object): void => {
    const [namespace, name] = key.split('/') as [string, string]
    services.set(key, { metadata: { namespace, name }, spec } as unknown as Service)
  }
  for (const name of ['default', 'com', 'svc']) namespaces.set(name, { metadata: { name } } as unknown as Namespace)
  add('default/web', { clusterIP: '10.96.0.7', ports: [] })
  add('default/both', { clusterIP: '10.96.0.8', clusterIPs: ['10.96.0.8', 'fd00:96::8'], ports: [] })
  add('default/out', { type: 'ExternalName', externalName: 'alias.example.com' })
  pods.set('default/p', {
    metadata: { namespace: 'default', name: 'p' },
    spec: {},
    status: { podIPs: [{ ip: '10.244.1.5' }] },
  } as unknown as Pod)
  const asked: string[] = []
  const lines: string[] = []
  const registry = new MetricRegistry()
  const log = createLogger({ clock, sinks: [{ write: (_line, entry) => void lines.push(entry.message) }] })
  const metrics = dnsMetrics(registry, () => server, log)
  const settings = readCorefile(corefile, entries)
  const blocks = buildBlocks(settings, {
    clock,
    random: seededRandom(1),
    metrics,
    log,
    serverAddresses: ['10.96.0.10'],
    ranges: ['10.96.0.0/12', '10.244.0.0/16'],
    ownAddresses: ['10.96.0.10'],
    serversOfFile: () => [{ address: '192.0.2.53', port: 53 }],
    exchange: async (message, to, transport, isReply) => {
      const { id, questions } = decode(message)
      const { name, type } = questions[0]!
      asked.push(`${name} ${to.address}${transport === 'tcp' ? ' tcp' : ''}`)
      if (name.startsWith('silent')) throw new Error('no reply')
      const known = outside[name]
      const stranger = { name: 'bank.example', type: 'A', ttl: 60, data: '192.0.2.66' }
      const answers =
        known === undefined
          ? []
          : known.startsWith('CNAME ')
            ? [
                { name, type: 'CNAME', ttl: 60, data: known.slice(6) },
                { name: known.slice(6), type: 'A', ttl: 20, data: outside[known.slice(6)] },
                stranger,
              ]
            : type === 'A'
              ? [{ name, type, ttl: 60, data: known }]
              : []
      const reply = encode({ type: 'response', id, questions, answers, flags: known === undefined ? 3 : 0 })
      if (!isReply(reply)) throw new Error('not a reply')
      return reply
    },
  })
  const answers = new AnswerCache<ReplySeries>()
  const records = watchedRecords(
    clusterRecords(services, new IndexedStore<EndpointSlice>(), namespaces, () => pods),
    (source) => respond.look(source),
  )
  const server: NameServer = nameServer({
    blocks: blocks.blocks,
    records,
    isUpstream: blocks.isUpstream,
    searchListOf: (address, domain) => {
      const namespace = pods.byIndex(podAddressIndex, address)[0]?.metadata.namespace
      return namespace === undefined ? undefined : searchListOf(namespace, domain, ['node.example'])
    },
  })
  const problems: unknown[] = []
  const respond: Responder = responder({
    nameServer: () => server,
    answers,
    observer: metrics.replies,
    report: (_problem, error) => void problems.push(error),
    now: () => clock.now() / 1000,
  })
  const send = async (message: Buffer, address = '10.244.1.5') =>
    respond.respond(message, { transport: 'udp', address })
  return {
    asked,
    lines,
    answers,
    add,
    services,
    problems,
    send,
    render: () => registry.render(),
    advance: (time: string) => clock.advance(time),
    async ask(name: string, type = 'A', address?: string): Promise<string> {
      const reply = decode(
        (await send(encode({ type: 'query', id: 9, flags: 0x0100, questions: [{ name, type }] }), address))!,
      )
      assert.equal(reply.id, 9)
      assert.equal(reply.questions[0]!.name, name)
      const show = (each: { name: string; type: string; data?: unknown }): string =>
        `${each.name === name ? '' : `${each.name} `}${each.type} ${typeof each.data === 'string' ? each.data : JSON.stringify(each.data)}`
      return [reply.rcode, ...reply.answers.map(show)].join(', ')
    },
  }
}

const usual = usualCorefile('cluster.local')
const c = 'cluster.local'

describe('the usual Corefile', () => {
  it('answers names of the cluster by itself, also those of a search list', async () => {
    const { ask, asked } = start(usual)
    assert.equal(await ask(`web.default.svc.${c}`), 'NOERROR, A 10.96.0.7')
    assert.equal(await ask(`www.example.com.default.svc.${c}`), 'NXDOMAIN')
    assert.equal(await ask(`www.example.com.svc.${c}`), 'NXDOMAIN')
    assert.equal(await ask(`www.example.com.${c}`), 'NXDOMAIN')
    assert.deepEqual(asked, [])
    assert.equal(await ask('www.example.com'), 'NOERROR, A 192.0.2.1')
    assert.deepEqual(asked, ['www.example.com 192.0.2.53'])
  })
  it('keeps what others say, and asks for aliases of services', async () => {
    const { ask, asked } = start(usual)
    // What a server tells beside the alias is not passed on under the name of the service.
    const expected =
      'NOERROR, CNAME alias.example.com, alias.example.com CNAME www.example.com, www.example.com A 192.0.2.1'
    assert.equal(await ask(`out.default.svc.${c}`), expected)
    assert.equal(await ask(`out.default.svc.${c}`), expected)
    assert.deepEqual(asked, ['alias.example.com 192.0.2.53'])
  })
  it('asks nobody for the names of its own addresses', async () => {
    const { ask, asked } = start(usual)
    assert.equal(await ask('9.9.96.10.in-addr.arpa', 'PTR'), 'NXDOMAIN')
    assert.deepEqual(asked, [])
    await ask('1.2.0.192.in-addr.arpa', 'PTR')
    assert.deepEqual(asked, ['1.2.0.192.in-addr.arpa 192.0.2.53'])
  })
  it('gives a minimal answer to the question for everything', async () => {
    const { ask } = start(usual)
    assert.equal(await ask(`web.default.svc.${c}`, 'ANY'), 'NOERROR, HINFO {"cpu":"RFC8482","os":""}')
    assert.equal(await ask(`none.default.svc.${c}`, 'ANY'), 'NXDOMAIN')
  })
  it('answers no wildcards, in namespaces with names of top-level domains neither', async () => {
    const { ask, asked } = start(usual)
    for (const name of [`*.default.svc.${c}`, `any.any.svc.${c}`, `*.*.svc.${c}`, `web.*.svc.${c}`, `web.any.svc.${c}`])
      assert.equal(await ask(name), 'NXDOMAIN')
    for (const name of [`bank.com.svc.${c}`, `web.default.svc.svc.${c}`, `web.default.svc.default.svc.${c}`])
      assert.equal(await ask(name), 'NXDOMAIN')
    assert.deepEqual(asked, [])
  })
  it('tells the case in which it was asked', async () => {
    const { ask } = start(usual)
    assert.equal(await ask(`WeB.dEfault.sVc.cluster.LOCAL`), 'NOERROR, A 10.96.0.7')
    assert.equal(await ask(`web.default.svc.${c}`), 'NOERROR, A 10.96.0.7')
    assert.equal(await ask('wWw.Example.com'.toLowerCase()), 'NOERROR, A 192.0.2.1')
  })
  it('forgets a kept answer as soon as the service is another, and no other one', async () => {
    const { ask, answers, add, services } = start(usual)
    await ask(`web.default.svc.${c}`)
    await ask(`both.default.svc.${c}`)
    // That there is no such name is kept from the second question on: many ask once.
    await ask(`late.default.svc.${c}`)
    assert.equal(answers.size, 2)
    await ask(`late.default.svc.${c}`)
    assert.equal(answers.size, 3)
    add('default/web', { clusterIP: '10.96.0.77', ports: [] })
    answers.changed(sourceOf.service('default/web'))
    assert.equal(answers.size, 2)
    assert.equal(await ask(`web.default.svc.${c}`), 'NOERROR, A 10.96.0.77')
    add('default/late', { clusterIP: '10.96.0.78', ports: [] })
    answers.changed(sourceOf.service('default/late'))
    assert.equal(await ask(`late.default.svc.${c}`), 'NOERROR, A 10.96.0.78')
    services.delete('default/web')
    answers.changed(sourceOf.service('default/web'))
    assert.equal(await ask(`web.default.svc.${c}`), 'NXDOMAIN')
  })
  it('keeps no answer under a question that carries options of one client', async () => {
    const { send, answers } = start(usual)
    const question = { name: `web.default.svc.${c}`, type: 'A' }
    const option = { code: 10, data: Buffer.from('12345678') }
    const with_ = (options: object[]) => ({ additionals: [{ type: 'OPT', name: '.', udpPayloadSize: 1232, options }] })
    await send(encode({ type: 'query', id: 1, questions: [question], ...with_([option]) }))
    assert.equal(answers.size, 0)
    await send(encode({ type: 'query', id: 1, questions: [question], ...with_([]) }))
    assert.equal(answers.size, 1)
  })
  it('counts under the names of CoreDNS', async () => {
    const { ask, render } = start(usual)
    for (let i = 0; i < 3; i++) await ask(`web.default.svc.${c}`)
    for (let i = 0; i < 2; i++) await ask('www.example.com')
    const text = render()
    for (const line of [
      'coredns_dns_requests_total{server="dns://:53",zone=".",view="",proto="udp",family="1",type="A"} 5',
      'coredns_dns_responses_total{server="dns://:53",zone=".",view="",rcode="NOERROR",plugin="kubernetes"} 3',
      'coredns_dns_request_duration_seconds_count{server="dns://:53",zone=".",view=""} 5',
      'coredns_cache_hits_total{server="dns://:53",type="success",zones=".",view=""} 1',
      'coredns_cache_misses_total{server="dns://:53",zones=".",view=""} 1',
      'coredns_proxy_request_duration_seconds_count{proxy_name="forward",to="192.0.2.53:53",rcode="NOERROR"} 1',
    ])
      assert.ok(text.includes(`${line}\n`), `${line} is not in\n${text}`)
  })
  it('survives any message', async () => {
    const { send, problems } = start(usual)
    const head = encode({
      type: 'query',
      id: 1,
      flags: 0x0100,
      questions: [{ name: `web.default.svc.${c}`, type: 'A' }],
    })
    const changed = fc.array(fc.tuple(fc.nat(head.length - 1), fc.nat(255)), { maxLength: 6 })
    await fc.assert(
      fc.asyncProperty(changed, fc.uint8Array({ maxLength: 40 }), async (changes, tail) => {
        const message = Buffer.concat([head, tail])
        for (const [at, byte] of changes) message[at] = byte
        const reply = await send(message)
        if (reply === undefined) return
        assert.deepEqual([...reply.subarray(0, 2)], [...message.subarray(0, 2)])
        assert.ok((reply[2]! & 0x80) !== 0 && reply.length <= 4096)
        decode(reply)
      }),
      { numRuns: 1000 },
    )
    assert.deepEqual(problems, [])
  })
})

describe('other Corefiles', () => {
  it('ask others for stub domains', async () => {
    const { ask, asked } = start(`${usual}\nexample.com { forward . 198.51.100.1 { force_tcp } }\nprivate { }`)
    await ask('www.example.com')
    await ask('example.org')
    assert.deepEqual(asked, ['www.example.com 198.51.100.1 tcp', 'example.org 192.0.2.53'])
    assert.equal(await ask('x.private'), 'REFUSED')
    // An alias leads to the block that is responsible for its target.
    assert.match(await ask(`out.default.svc.${c}`), /A 192\.0\.2\.1$/)
    assert.equal(asked.at(-1), 'alias.example.com 198.51.100.1 tcp')
  })
  it('know hosts of their own', async () => {
    const hosts = 'hosts {\n 192.0.2.7 seven.example.org\n fd00::7 seven.example.org\n fallthrough\n }'
    const { ask, asked } = start(usual.replace('ready', hosts))
    assert.equal(await ask('seven.example.org'), 'NOERROR, A 192.0.2.7')
    assert.equal(await ask('seven.example.org', 'AAAA'), 'NOERROR, AAAA fd00::7')
    assert.equal(await ask('seven.example.org', 'TXT'), 'NOERROR')
    assert.equal(await ask('7.2.0.192.in-addr.arpa', 'PTR'), 'NOERROR, PTR seven.example.org')
    assert.deepEqual(asked, [])
    assert.equal(await ask('example.org'), 'NOERROR, A 192.0.2.2')
    assert.equal(await ask(`web.default.svc.${c}`), 'NOERROR, A 10.96.0.7')
  })
  it('rewrite names, and answer under the one that was asked for', async () => {
    const { ask } = start(
      usual.replace(
        'ready',
        'rewrite name shop.example web.default.svc.cluster.local\nrewrite name far.example www.example.com',
      ),
    )
    assert.equal(await ask('shop.example'), 'NOERROR, A 10.96.0.7')
    assert.equal(await ask('far.example'), 'NOERROR, A 192.0.2.1')
  })
  it('give pods the names they are told to', async () => {
    const name = (address: string): string => `${address}.default.pod.${c}`
    const cases = { insecure: [true, true], verified: [true, false], disabled: [false, false] }
    for (const [mode, expected] of Object.entries(cases)) {
      const { ask } = start(usual.replace('pods insecure', `pods ${mode}`))
      const found = [await ask(name('10-244-1-5')), await ask(name('10-244-1-6'))]
      assert.deepEqual(
        found.map((each) => each !== 'NXDOMAIN'),
        expected,
        mode,
      )
    }
    const { ask } = start(usual.replace('pods insecure', 'pods verified'))
    assert.equal(await ask(`10-244-1-5.com.pod.${c}`), 'NXDOMAIN')
  })
  it('spare pods the walk over their search list', async () => {
    const { ask, asked } = start(
      usual.replace('pods insecure', 'pods verified').replace('ready', 'autopath @kubernetes'),
    )
    const first = `www.example.com.default.svc.${c}`
    assert.equal(await ask(first), 'NOERROR, CNAME www.example.com, www.example.com A 192.0.2.1')
    assert.deepEqual(asked, ['www.example.com.node.example 192.0.2.53', 'www.example.com 192.0.2.53'])
    assert.equal(
      await ask(`web.default.default.svc.${c}`),
      `NOERROR, CNAME web.default.svc.${c}, web.default.svc.${c} A 10.96.0.7`,
    )
    // Whoever is no pod here walks by himself, and so does a pod whose name is nowhere.
    assert.equal(await ask(first, 'A', '10.244.9.9'), 'NXDOMAIN')
    assert.equal(await ask(`nowhere.example.default.svc.${c}`), 'NXDOMAIN')
    assert.equal(await ask(first), 'NOERROR, CNAME www.example.com, www.example.com A 192.0.2.1')
  })
  it('pass nothing on to those whom they ask', async () => {
    const { ask, asked } = start(usual)
    assert.equal(await ask('www.example.com', 'A', '192.0.2.53'), 'REFUSED')
    assert.deepEqual(asked, [])
  })
  it('log that no server replied, once a second', async () => {
    const { ask, lines, advance } = start(usual)
    assert.equal(await ask('silent.example'), 'SERVFAIL')
    assert.equal(await ask('silent2.example'), 'SERVFAIL')
    await advance('1s')
    assert.equal(await ask('silent3.example'), 'SERVFAIL')
    assert.deepEqual(
      lines,
      Array.from({ length: 2 }, () => 'No server replied to a DNS question'),
    )
  })
  it('log questions in the form of CoreDNS', async () => {
    const { ask, lines } = start(usual.replace('errors', 'log'))
    await ask(`web.default.svc.${c}`)
    await ask(`web.default.svc.${c}`)
    assert.equal(lines.length, 2)
    assert.match(
      lines[0]!,
      /^10\.244\.1\.5 - 9 "A IN web\.default\.svc\.cluster\.local\. udp 47 false 512" NOERROR qr,aa,rd,ra 63 \d\.\d{9}s$/,
    )
  })
})
