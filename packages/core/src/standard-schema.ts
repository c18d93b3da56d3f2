/**
 * The part of the Standard Schema interface (version 1, standardschema.dev) that Busbar reads. zod, valibot, arktype
 * and others implement it, so their schemas fit without an adapter.
 */
export interface StandardSchema<In = unknown, Out = In> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => StandardResult<Out> | Promise<StandardResult<Out>>
    readonly types?: { readonly input: In; readonly output: Out } | undefined
  }
}

export type StandardResult<Out> =
  | { readonly value: Out; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] }

export interface StandardIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/**
 * What valibot and arktype append to a message of their own: the value that they got. Messages end up in logs, in error
 * replies and in dead letters, where a payload must not be.
 */
const receivedValue = /(?::| but| and)? [Rr]eceived [\s\S]*$| \(was [\s\S]*\)$/
const quotingVendors: readonly string[] = ['valibot', 'arktype']

/** `path: message` for each issue. Only paths and the schema's own messages; never the value. */
export function describeIssues(
  { vendor }: { readonly vendor: string },
  issues: readonly StandardIssue[],
): string {
  const quotes = quotingVendors.includes(vendor)
  return issues
    .map(issue => {
      const path = (issue.path ?? [])
        .map(part => String(typeof part === 'object' ? part.key : part))
        .join('.')
      const message = quotes ? issue.message.replace(receivedValue, '') : issue.message
      return path ? `${path}: ${message}` : message
    })
    .join('; ')
}
