/** What somebody may do: `authorizer.group('apps').resource('deployments').check('create').allowed()`. */
import { declare, member, type FunctionDeclaration, type Library } from '../declarations.ts'
import { costs, exactly, ranges, type Range } from '../cost.ts'
import { fixedCost, type CallCost } from '../estimates.ts'
import { boolType, opaqueType, stringType, type Type } from '../types.ts'
import { costSize, EvaluationError, OpaqueValue, type Value } from '../values.ts'

/** What is asked: a path, or a resource; empty where nothing was said. */
export interface AccessQuestion {
  readonly verb: string
  readonly path?: string
  readonly group: string
  readonly resource: string
  readonly subresource: string
  readonly namespace: string
  readonly name: string
  readonly fieldSelector: string
  readonly labelSelector: string
  /** Somebody else than the caller whom it is asked about. */
  readonly serviceAccount?: { readonly namespace: string; readonly name: string }
}

export interface AccessDecision {
  readonly allowed: boolean
  readonly reason: string
  /** Why there is no decision. */
  readonly error?: string
}

/** Answers what the caller, or a service account, may do. */
export type DecideAccess = (question: AccessQuestion) => AccessDecision

export const authorizerType = opaqueType('kubernetes.authorization.Authorizer')
const pathCheckType = opaqueType('kubernetes.authorization.PathCheck')
const groupCheckType = opaqueType('kubernetes.authorization.GroupCheck')
export const resourceCheckType = opaqueType('kubernetes.authorization.ResourceCheck')
const decisionType = opaqueType('kubernetes.authorization.Decision')

type Asked = Partial<AccessQuestion>

/** A question that is being put together. */
class Check extends OpaqueValue {
  readonly type: Type
  readonly decide: DecideAccess
  readonly asked: Asked

  constructor(type: Type, decide: DecideAccess, asked: Asked) {
    super()
    this.type = type
    this.decide = decide
    this.asked = asked
  }

  equals(other: OpaqueValue): boolean {
    return this === other
  }

  with(type: Type, more: Asked): Check {
    return new Check(type, this.decide, { ...this.asked, ...more })
  }

  ask(verb: string): Decision {
    const nothing = {
      group: '',
      resource: '',
      subresource: '',
      namespace: '',
      name: '',
      fieldSelector: '',
      labelSelector: '',
    }
    return new Decision(this.decide({ ...nothing, ...this.asked, verb }))
  }
}

class Decision extends OpaqueValue {
  readonly type = decisionType
  readonly decision: AccessDecision

  constructor(decision: AccessDecision) {
    super()
    this.decision = decision
  }

  equals(other: OpaqueValue): boolean {
    return this === other
  }
}

/** The variable `authorizer`. */
export const authorizerValue = (decide: DecideAccess): Value => new Check(authorizerType, decide, {})

/** The variable `authorizer.requestResource`: the check of what the request itself is about. */
export const resourceCheckValue = (decide: DecideAccess, asked: Asked): Value =>
  new Check(resourceCheckType, decide, asked)

const constant = fixedCost(1)
/** Two checks an expression and no more: they may be slow. */
const checkCost = fixedCost(350_000)

/** A selector is taken apart into a list of requirements; the shortest takes two characters. */
function selectorCosts(size: Range): Range {
  const requirements = ranges.scale(ranges.scale(size, 0.5), costs.list + costs.struct)
  return ranges.add(exactly(costs.list), ranges.add(ranges.scale(size, costs.traversal), requirements))
}

const selectorCost: CallCost = {
  cost: ([, selector]) => selectorCosts(exactly(costSize(selector!))).max,
  estimate: ([, selector]) => ({ cost: selectorCosts(selector!.size) }),
}

function setter(
  name: string,
  id: string,
  key: 'subresource' | 'namespace' | 'name' | 'fieldSelector' | 'labelSelector',
): FunctionDeclaration {
  return declare(
    name,
    member(
      id,
      [resourceCheckType, stringType],
      resourceCheckType,
      (check: Check, value: string) => check.with(resourceCheckType, { [key]: value }),
      key === 'fieldSelector' || key === 'labelSelector' ? selectorCost : constant,
    ),
  )
}

function nonEmpty(what: string, value: string): string {
  if (value.trim() === '') throw new EvaluationError(`${what} must not be empty`)
  return value
}

const label = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/
const isSubdomain = (text: string): boolean =>
  text.length <= 253 && text.split('.').every((each) => /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/.test(each))

function serviceAccount(check: Check, namespace: string, name: string): Value {
  if (!isSubdomain(name)) throw new EvaluationError('Invalid service account name')
  if (!label.test(namespace)) throw new EvaluationError('Invalid service account namespace')
  return check.with(authorizerType, { serviceAccount: { namespace, name } })
}

export const authorizerLibrary: Library = {
  name: 'authorizer',
  types: [authorizerType, pathCheckType, groupCheckType, resourceCheckType, decisionType],
  functions: [
    declare(
      'path',
      member(
        'authorizer_path',
        [authorizerType, stringType],
        pathCheckType,
        (check: Check, path: string) => check.with(pathCheckType, { path: nonEmpty('path', path) }),
        constant,
      ),
    ),
    declare(
      'group',
      member(
        'authorizer_group',
        [authorizerType, stringType],
        groupCheckType,
        (check: Check, group: string) => check.with(groupCheckType, { group }),
        constant,
      ),
    ),
    declare(
      'serviceAccount',
      member(
        'authorizer_serviceaccount',
        [authorizerType, stringType, stringType],
        authorizerType,
        serviceAccount,
        constant,
      ),
    ),
    declare(
      'resource',
      member(
        'groupcheck_resource',
        [groupCheckType, stringType],
        resourceCheckType,
        (check: Check, resource: string) => check.with(resourceCheckType, { resource: nonEmpty('resource', resource) }),
        constant,
      ),
    ),
    setter('subresource', 'resourcecheck_subresource', 'subresource'),
    setter('namespace', 'resourcecheck_namespace', 'namespace'),
    setter('name', 'resourcecheck_name', 'name'),
    setter('fieldSelector', 'authorizer_fieldselector', 'fieldSelector'),
    setter('labelSelector', 'authorizer_labelselector', 'labelSelector'),
    declare(
      'check',
      member(
        'pathcheck_check',
        [pathCheckType, stringType],
        decisionType,
        (check: Check, verb: string) => check.ask(verb),
        checkCost,
      ),
      member(
        'resourcecheck_check',
        [resourceCheckType, stringType],
        decisionType,
        (check: Check, verb: string) => check.ask(verb),
        checkCost,
      ),
    ),
    declare(
      'allowed',
      member('decision_allowed', [decisionType], boolType, ({ decision }: Decision) => decision.allowed, constant),
    ),
    declare(
      'reason',
      member('decision_reason', [decisionType], stringType, ({ decision }: Decision) => decision.reason, constant),
    ),
    declare(
      'errored',
      member(
        'decision_errored',
        [decisionType],
        boolType,
        ({ decision }: Decision) => decision.error !== undefined,
        constant,
      ),
    ),
    declare(
      'error',
      member('decision_error', [decisionType], stringType, ({ decision }: Decision) => decision.error ?? '', constant),
    ),
  ],
}
