import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { readCorefile } from './corefile/corefile.ts'
import { restoreReply, rewriteName } from './rewrite.ts'

const rulesOf = (...lines: string[]) => readCorefile(`. {\n${lines.join('\n')}\n}`)[0]!.rewrites

describe('rewriteName', () => {
  const cases: [string[], string, string][] = [
    [
      ['rewrite name foo.example.com foo.default.svc.cluster.local'],
      'foo.example.com',
      'foo.default.svc.cluster.local',
    ],
    [['rewrite name foo.example.com foo.default.svc.cluster.local'], 'a.foo.example.com', 'a.foo.example.com'],
    [['rewrite name suffix .example.com .svc.cluster.local answer auto'], 'a.b.example.com', 'a.b.svc.cluster.local'],
    [['rewrite name suffix .example.com. .svc.cluster.local.'], 'a.b.example.com', 'a.b.svc.cluster.local'],
    [['rewrite name prefix old- new-'], 'old-a.b', 'new-a.b'],
    [['rewrite name substring .west. .east.'], 'a.west.b', 'a.east.b'],
    [
      ['rewrite name regex (.*)-(us-west-1)\\.example\\.org {1}.service.{2}.consul'],
      'ftp-us-west-1.example.org',
      'ftp.service.us-west-1.consul',
    ],
    [['rewrite name regex ^(.*)\\.b\\.$ {1}.c.'], 'a.b', 'a.c'],
    [['rewrite stop name a.b c.d', 'rewrite name c.d e.f'], 'a.b', 'c.d'],
    [['rewrite continue name a.b c.d', 'rewrite name c.d e.f'], 'a.b', 'e.f'],
    [['rewrite stop {', 'name regex (.*)\\.x {1}.y', 'answer name (.*)\\.y {1}.x', '}'], 'a.x', 'a.y'],
  ]
  for (const [lines, asked, expected] of cases)
    it(`${lines.join(' ')}: ${asked}`, () => assert.equal(rewriteName(asked, rulesOf(...lines)).name, expected))
})

describe('restoreReply', () => {
  it('puts the name back that was asked for', () => {
    const rewritten = rewriteName('a.x', rulesOf('rewrite name a.x b.y'))
    const answers = [
      { name: 'b.y', type: 'CNAME', ttl: 5, data: 'c.y' },
      { name: 'c.y', type: 'A', ttl: 5, data: '192.0.2.1' },
    ]
    assert.deepEqual(restoreReply({ code: 'NOERROR', answers }, 'a.x', rewritten).answers, [
      { name: 'a.x', type: 'CNAME', ttl: 5, data: 'c.y' },
      { name: 'c.y', type: 'A', ttl: 5, data: '192.0.2.1' },
    ])
  })
  it('rewrites other names and targets by the rules for answers', () => {
    const line = 'rewrite name suffix .x .y answer name (.*)\\.y {1}.x answer value (.*)\\.y {1}.x'
    const rewritten = rewriteName('a.x', rulesOf(line))
    const answers = [
      { name: 'a.y', type: 'CNAME', ttl: 5, data: 'b.y' },
      { name: 'b.y', type: 'SRV', ttl: 5, data: { priority: 0, weight: 1, port: 80, target: 'c.y' } },
      { name: 'b.y', type: 'AAAA', ttl: 5, data: 'fd00::1' },
    ]
    assert.deepEqual(restoreReply({ code: 'NOERROR', answers }, 'a.x', rewritten).answers, [
      { name: 'a.x', type: 'CNAME', ttl: 5, data: 'b.x' },
      { name: 'b.x', type: 'SRV', ttl: 5, data: { priority: 0, weight: 1, port: 80, target: 'c.x' } },
      { name: 'b.x', type: 'AAAA', ttl: 5, data: 'fd00::1' },
    ])
  })
})
