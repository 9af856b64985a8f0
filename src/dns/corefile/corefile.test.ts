import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'

import { readCorefile, usualCorefile } from './corefile.ts'
import { CorefileError } from './syntax.ts'

const one = (text: string, entries: Record<string, string> = {}) => readCorefile(text, entries)[0]!

describe('readCorefile', () => {
  it('reads the one that a cluster begins with', () => {
    const settings = one(usualCorefile('cluster.local'))
    const limits = { capacity: 9984, minTtl: 5, maxTtl: 30, except: ['cluster.local'] }
    assert.deepEqual(settings, {
      zones: [''],
      errors: true,
      loadBalance: true,
      metricsPort: 9153,
      rewrites: [],
      kubernetes: {
        domains: ['cluster.local'],
        reverseZones: ['in-addr.arpa', 'ip6.arpa'],
        pods: 'insecure',
        ttl: 30,
        fallthrough: ['in-addr.arpa', 'ip6.arpa'],
      },
      forwards: [
        {
          from: '',
          except: [],
          to: [{ file: '/etc/resolv.conf' }],
          policy: 'random',
          forceTcp: false,
          preferUdp: false,
          maxFails: 2,
          healthCheckMs: 500,
          maxConcurrent: 1000,
        },
      ],
      cache: { zones: [''], success: limits, denial: limits, failureTtl: 5 },
    })
  })
  it('reads stub domains, one block each', () => {
    const blocks = readCorefile(`
      Example.Org. example.net:53 { # two zones
        forward . 192.0.2.1 192.0.2.2:5353 [2001:db8::1]:53 2001:db8::2 {
          policy round_robin
          except www.example.org
          force_tcp
          max_concurrent 7
        }
      }
      dns://10.0.0.0/8:53, a.b { kubernetes a.b { pods verified } }
    `)
    assert.deepEqual(
      blocks.map(({ zones }) => zones),
      [
        ['example.org', 'example.net'],
        ['10.in-addr.arpa', 'a.b'],
      ],
    )
    const [forward] = blocks[0]!.forwards
    assert.deepEqual(forward!.to, [
      { address: '192.0.2.1', port: 53 },
      { address: '192.0.2.2', port: 5353 },
      { address: '2001:db8::1', port: 53 },
      { address: '2001:db8::2', port: 53 },
    ])
    assert.deepEqual([forward!.policy, forward!.except, forward!.forceTcp], ['round_robin', ['www.example.org'], true])
  })
  it('reads hosts from the block and from another entry of the ConfigMap', () => {
    const { hosts } = one(
      `. {
        hosts /etc/coredns/NodeHosts example.org {
          192.0.2.2 Two.example.org two
          ttl 60
          fallthrough
        }
      }`,
      { NodeHosts: '# a list\n192.0.2.1\tone.example.org # one\n2001:DB8::1 one.example.org\n\n' },
    )
    assert.deepEqual(Object.fromEntries(hosts!.addresses), {
      'one.example.org': ['192.0.2.1', '2001:db8::1'],
      'two.example.org': ['192.0.2.2'],
      two: ['192.0.2.2'],
    })
    assert.deepEqual(hosts!.names.get('192.0.2.2'), ['two.example.org', 'two'])
    assert.deepEqual([hosts!.ttl, hosts!.zones, hosts!.fallthrough], [60, ['example.org'], ['']])
  })
  it('reads caches', () => {
    const { cache } = one(`. { cache 60 example.org {
      success 100 40 1
      denial 50
      servfail 1m
      prefetch 3 2m 20%
    } }`)
    assert.deepEqual(cache, {
      zones: ['example.org'],
      success: { capacity: 100, maxTtl: 40, minTtl: 1, except: [] },
      denial: { capacity: 50, maxTtl: 60, minTtl: 5, except: [] },
      failureTtl: 60,
      prefetch: { amount: 3, withinMs: 120_000, percentage: 20 },
    })
    assert.equal(one('. { cache }').cache!.denial.maxTtl, 1800)
  })
  it('reads which questions are logged', () => {
    assert.deepEqual([...one('. { log }').log!.classes], ['all'])
    assert.deepEqual([...one('. { log example.org { class denial error } }').log!.classes], ['denial', 'error'])
  })

  const wrong: [string, string][] = [
    ['', 'Corefile:1 - Error during parsing: there is no server block'],
    ['. {', "Corefile:1 - Error during parsing: Unexpected EOF, the '{' of this line has no '}'"],
    ['.', "Corefile:1 - Error during parsing: Unexpected EOF, expecting '{'"],
    ['}', "Corefile:1 - Error during parsing: Unexpected '}'"],
    ['. {\n  etcd\n}', "Corefile:2 - Error during parsing: Unknown directive 'etcd'; there are"],
    ['. {\n  template IN A\n}', "Corefile:2 - Error during parsing: Unknown directive 'template'"],
    ['. {\n errors\n errors\n}', 'Corefile:3 - Error during parsing: errors: it is in this server block already'],
    ['.:5353 {\n}', "Corefile:1 - Error during parsing: '.:5353': questions come to port 53 only"],
    ['"a\nb" {\n}', "'a\nb' is not a zone or name"],
    ['tls://. {\n}', "Corefile:1 - Error during parsing: 'tls://.': there is no tls here, only dns"],
    ['. {\n}\n. {\n}', 'Corefile:1 - Error during parsing: zone "." is in several server blocks'],
    ['. {\n forward .\n}', 'Corefile:2 - Error during parsing: forward: it needs a zone and servers'],
    ['. {\n forward . dns.example\n}', "forward: not an IP address or file: 'dns.example'"],
    ['. {\n forward . tls://9.9.9.9\n}', "forward: 'tls://9.9.9.9': servers are asked over UDP and TCP only"],
    ['. {\n forward . /etc/passwd\n}', "forward: '/etc/passwd': the only file is /etc/resolv.conf"],
    [
      '. {\n forward . 1.1.1.1 {\n  polcy random\n }\n}',
      "Corefile:3 - Error during parsing: forward: unknown property 'polcy'",
    ],
    [
      '. {\n forward . 1.1.1.1 {\n  policy best\n }\n}',
      "policy: unknown policy 'best'; there are random, round_robin, sequential",
    ],
    ['. {\n kubernetes {\n pods verified\n }\n}', 'kubernetes: it needs a zone such as cluster.local'],
    ['. {\n kubernetes c.l {\n pods all\n }\n}', "pods: 'all' must be one of disabled, insecure, verified"],
    ['. {\n kubernetes c.l {\n ttl 4000\n }\n}', "ttl: '4000' must be a whole number from 0 to 3600"],
    ['. {\n kubernetes c.l {\n ttl 1 2\n }\n}', "ttl: wrong argument count or unexpected line ending after '2'"],
    ['. {\n cache 30 {\n serve_stale\n }\n}', "cache: unknown property 'serve_stale'"],
    ['. {\n hosts /etc/hosts\n}', "hosts: there is no file '/etc/hosts': only entries of the ConfigMap"],
    ['. {\n hosts {\n 1.2.3 a\n }\n}', "hosts: unknown property '1.2.3'"],
    ['. {\n autopath @kubernetes\n}', 'autopath: it needs "kubernetes" with "pods verified"'],
    ['. {\n rewrite type ANY A\n}', "rewrite: only names can be rewritten: 'type' must be name"],
    ['. {\n rewrite name regex ( b\n}', "rewrite: '(': error parsing regexp: missing closing ): `(`"],
    ['. {\n forward . {$DNS}\n}', 'there are no environment variables here: {$DNS}'],
    ['. {\n errors "a\n}', 'Corefile:2 - Error during parsing: a quoted word has no end'],
    [`. {\n${'#'.repeat(300_000)}\n}`, 'it is longer than 262144 characters'],
  ]
  for (const [text, problem] of wrong)
    it(`says what is wrong with ${JSON.stringify(text.slice(0, 50))}`, () =>
      assert.throws(
        () => readCorefile(text),
        (error: Error) => error instanceof CorefileError && error.message.includes(problem),
      ))

  it('reads anything or says where it is wrong', () => {
    const word = fc.constantFrom(
      '.',
      '{',
      '}',
      '\n',
      'forward',
      'hosts',
      '1.2.3.4',
      '"',
      '#',
      'rewrite',
      'name',
      'cache',
      '30',
      'a.b:53',
    )
    fc.assert(
      fc.property(fc.array(word, { maxLength: 20 }), (words) => {
        try {
          readCorefile(words.join(' '))
        } catch (error) {
          assert.ok(error instanceof CorefileError, String(error))
        }
      }),
      { numRuns: 500 },
    )
  })
})
