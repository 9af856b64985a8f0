/** `cel.bind(name, value, use)`: gives a value a name. */
import { make, unusedName } from '../ast.ts'
import type { Library } from '../declarations.ts'

export const bindingsLibrary: Library = {
  name: 'bindings',
  macros: [
    {
      name: 'bind',
      arity: 3,
      member: true,
      expand(context, offset, target, [variable, value, use]) {
        if (target?.kind !== 'identifier' || target.name !== 'cel') return undefined
        if (variable!.kind !== 'identifier') {
          return context.problem(variable!.offset, 'cel.bind() variable names must be simple identifiers')
        }
        return make.comprehension(offset, {
          range: make.list(offset, []),
          variable: unusedName,
          accumulator: variable!.name,
          initial: value!,
          condition: make.literal(offset, false),
          step: make.identifier(offset, variable!.name),
          result: use!,
        })
      },
    },
  ],
}
