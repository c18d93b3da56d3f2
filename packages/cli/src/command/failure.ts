/** Why a command could not do its work: wrong use, or something missing around it. Ends it with exit code 2. */
export class Failure extends Error {
  /** The command whose `--help` is worth reading; undefined if it would not help. */
  readonly helpOf: string | undefined

  constructor(
    message: string,
    options: { readonly helpOf?: string | undefined; readonly cause?: unknown } = {},
  ) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.helpOf = options.helpOf
  }
}
