import { type ParseArgsConfig, parseArgs } from 'node:util'
import { Failure } from './failure.js'

type Options = NonNullable<ParseArgsConfig['options']>
type Values<O extends Options> = ReturnType<
  typeof parseArgs<{ readonly options: O; readonly allowPositionals: true }>
>['values']

/** The arguments of a command: options, and the modules that it works on. @throws Failure for what it does not know. */
export function parsed<const O extends Options>(
  command: string,
  args: readonly string[],
  options: O,
): { readonly values: Values<O>; readonly modules: readonly string[] } {
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true })
    if (positionals.length === 0) {
      throw new Failure('name at least one module whose exports are contracts', { helpOf: command })
    }
    return { values, modules: positionals }
  } catch (thrown) {
    if (thrown instanceof Failure) throw thrown
    throw new Failure(messageOf(thrown), { helpOf: command, cause: thrown })
  }
}

function messageOf(thrown: unknown): string {
  return (thrown as Error).message.replace(/\. To specify a positional.*$/s, '')
}

/** One of several words. @throws Failure naming them. */
export function oneOf<T extends string>(
  command: string,
  option: string,
  value: string,
  allowed: readonly T[],
): T {
  const found = allowed.find(each => each === value)
  if (found !== undefined) return found
  throw new Failure(`--${option} is one of ${allowed.join(', ')}, got "${value}"`, { helpOf: command })
}
