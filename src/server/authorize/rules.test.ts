import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { PolicyRule } from '#api/rbac/v1/role.ts'
import type { Attributes } from './authorizer.ts'
import { compactRules, missingRules, ruleAllows, ruleText } from './rules.ts'

function rule(verbs: string, groups: string, resources: string, names = ''): PolicyRule {
  const list = (text: string): string[] => text.split(' ')
  const parts = { verbs: list(verbs), apiGroups: groups.split('|'), resources: list(resources) }
  return names === '' ? parts : { ...parts, resourceNames: list(names) }
}

const paths = (verbs: string, urls: string): PolicyRule => ({
  verbs: verbs.split(' '),
  nonResourceURLs: urls.split(' '),
})

/** `get apps deployments/scale web`: verb, group (`-` for core), resource and perhaps a name; or `get /path`. */
function wish(text: string): Attributes {
  const [verb = '', group = '', what = '', name = ''] = text.split(' ')
  const base = { path: '', version: 'v1', namespace: 'a', group: '', resource: '', subresource: '', name }
  if (group.startsWith('/')) return { ...base, verb, isResource: false, path: group, namespace: '' }
  const [resource = '', subresource = ''] = what.split('/')
  return { ...base, verb, isResource: true, group: group === '-' ? '' : group, resource, subresource }
}

const pods = rule('get list', '', 'pods')

describe('what a rule allows', () => {
  const rows: [string, PolicyRule, string, boolean][] = [
    ['its verb on its resource', pods, 'get - pods', true],
    ['its other verb', pods, 'list - pods', true],
    ['no other verb', pods, 'delete - pods', false],
    ['no other group', pods, 'get apps pods', false],
    ['no other resource', pods, 'get - secrets', false],
    ['no subresource', pods, 'get - pods/log', false],
    ['no path', pods, 'get /pods', false],
    ['a named subresource', rule('get', '', 'pods/log'), 'get - pods/log', true],
    ['not the resource of a subresource', rule('get', '', 'pods/log'), 'get - pods', false],
    ['a subresource of every resource', rule('get', '*', '*/scale'), 'get apps deployments/scale', true],
    ['not a subresource that ends alike', rule('get', '*', '*/scale'), 'get apps deployments/upscale', false],
    ['not a resource called like the subresource', rule('get', '*', '*/scale'), 'get apps scale', false],
    ['all resources', rule('get', '*', '*'), 'get apps deployments/scale', true],
    ['all verbs', rule('*', '', 'pods'), 'escalate - pods', true],
    ['a named object', rule('get', '', 'pods', 'a b'), 'get - pods b', true],
    ['no other object', rule('get', '', 'pods', 'a b'), 'get - pods c', false],
    ['not all objects', rule('list', '', 'pods', 'a b'), 'list - pods', false],
    ['a path', paths('get', '/healthz'), 'get /healthz', true],
    ['not what is below a path', paths('get', '/healthz'), 'get /healthz/etcd', false],
    ['what is below a path with a star', paths('get', '/healthz/*'), 'get /healthz/etcd', true],
    ['not the path above a star', paths('get', '/healthz/*'), 'get /healthz', false],
    ['all paths', paths('*', '*'), 'post /x', true],
    ['no resource by its path', paths('*', '*'), 'get - pods', false],
    ['nothing without groups', { verbs: ['*'], resources: ['*'] }, 'get - pods', false],
  ]
  for (const [name, given, text, allows] of rows) test(name, () => assert.equal(ruleAllows(given, wish(text)), allows))
})

describe('what is missing', () => {
  const rows: [string, PolicyRule[], PolicyRule[], string[]][] = [
    ['nothing of the same', [pods], [pods], []],
    ['nothing of several rules together', [pods, rule('watch', '', 'pods')], [rule('get watch', '', 'pods')], []],
    [
      'verbs, gathered',
      [pods],
      [rule('get delete patch', '', 'pods')],
      ['{APIGroups:[""], Resources:["pods"], Verbs:["delete" "patch"]}'],
    ],
    [
      'all resources although many are held',
      [rule('*', '', 'pods secrets')],
      [rule('get', '', '*')],
      ['{APIGroups:[""], Resources:["*"], Verbs:["get"]}'],
    ],
    [
      'all verbs although the known are held',
      [rule('get list watch create update patch delete deletecollection', '', 'pods')],
      [rule('*', '', 'pods')],
      ['{APIGroups:[""], Resources:["pods"], Verbs:["*"]}'],
    ],
    [
      'objects that have no name',
      [rule('get', '', 'pods', 'a')],
      [rule('get', '', 'pods')],
      ['{APIGroups:[""], Resources:["pods"], Verbs:["get"]}'],
    ],
    ['nothing of a named object', [rule('get', '', 'pods')], [rule('get', '', 'pods', 'a')], []],
    [
      'other named objects',
      [rule('get', '', 'pods', 'a')],
      [rule('get', '', 'pods', 'a b')],
      ['{APIGroups:[""], Resources:["pods"], ResourceNames:["b"], Verbs:["get"]}'],
    ],
    [
      'nothing of a subresource of all',
      [rule('get', 'apps', '*/scale')],
      [rule('get', 'apps', 'deployments/scale')],
      [],
    ],
    [
      'the resource behind a subresource',
      [rule('get', 'apps', '*/scale')],
      [rule('get', 'apps', 'deployments')],
      ['{APIGroups:["apps"], Resources:["deployments"], Verbs:["get"]}'],
    ],
    [
      'paths above what is held',
      [paths('get', '/metrics/*')],
      [paths('get', '/metrics/a /metrics')],
      ['{NonResourceURLs:["/metrics"], Verbs:["get"]}'],
    ],
    ['nothing for who holds everything', [rule('*', '*', '*'), paths('*', '*')], [pods, paths('*', '*')], []],
  ]
  for (const [name, held, wanted, missing] of rows)
    test(name, () => assert.deepEqual(compactRules(missingRules(held, wanted)).map(ruleText), missing))
})
