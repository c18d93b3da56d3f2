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

/** `path: message` for each issue. Only paths and the schema's own messages; never the value. */
export function describeIssues(issues: readonly StandardIssue[]): string {
  return issues
    .map(issue => {
      const path = (issue.path ?? []).map(part => String(typeof part === 'object' ? part.key : part)).join('.')
      return path ? `${path}: ${issue.message}` : issue.message
    })
    .join('; ')
}
